import type { Family } from '@calico-node/net';
import type { BaseChain, TableId } from '@calico-node/netlink/nftables';
import type { IpSetId } from '../../calc/ip-set.ts';
import type { HookName, Layer } from '../../rules/model.ts';
import { ipSetName } from '../../rules/names.ts';

/** The one table of each family that is ours: everything in it may be changed and deleted. */
export function tableOf(family: Family): TableId {
  return { family: family === 4 ? 'ip' : 'ip6', name: 'calico' };
}

/** All layers share the table, so a chain carries its layer in its name: `filter-cali-FORWARD`. */
export function chainNameInKernel(layer: Layer, name: string): string {
  return `${layer}-${name}`;
}

/** Whether a chain in the kernel is a policy's or a profile's. */
export function isPolicyChain(name: string): boolean {
  return /^\w+-cali-(?:pi|po|pri|pro)-/.test(name);
}

/** The filter layer's dispatch maps, of which there were no others at first, have their names without the layer. */
export function mapNameInKernel(layer: Layer, name: string): string {
  return layer === 'filter' ? name : `${layer}-${name}`;
}

/** `filter-FORWARD`: the chain that the kernel calls. */
export function baseChainName(layer: Layer, hook: HookName): string {
  return `${layer}-${hook.toUpperCase()}`;
}

/** Hook priorities by layer, as Calico has them: NAT goes after what else translates. */
export function baseChainOf(layer: Layer, hook: HookName): BaseChain {
  if (hook === 'late-input') return { type: 'filter', hook: 'input', priority: 120, policy: 'accept' };
  const isSourceNat = hook === 'postrouting' || hook === 'input';
  const priority = { raw: -300, mangle: -150, filter: 0, nat: isSourceNat ? 110 : -90 }[layer];
  const type = layer === 'nat' ? 'nat' : layer === 'mangle' && hook === 'output' ? 'route' : 'filter';
  return { type, hook, priority, policy: 'accept' };
}

/** A set's members are kept apart by cost: single addresses in a hash, networks in an interval set. */
export type SetPart = 'hosts' | 'nets';

/** nft's names have no colon: `cali40s-5y5I...`, and `...-net` for its networks. */
export function setNameInKernel(id: IpSetId, family: Family, part: SetPart): string {
  const name = ipSetName(id, family).replaceAll(':', '-');
  return part === 'hosts' ? name : `${name}-net`;
}
