import type { IPPool } from '@calico-node/model';
import type { felixV1 } from '@calico-node/rpc';

/** Who an address is given to. */
export interface Holder {
  readonly node?: string;
  readonly what: string;
}

/** What the store knows of an address; revisions are those of the objects. */
export interface AddressFacts {
  readonly pool?: { readonly name: string; readonly revision: string; readonly spec: IPPool['spec'] };
  /** `host` is empty where the block is no node's. */
  readonly block?: { readonly cidr: string; readonly host: string; readonly revision: string };
  readonly holder?: Holder;
  readonly node?: { readonly name: string; readonly revision: string };
}

/** RTPROT_* of linux/rtnetlink.h, and Felix's own. */
const protocols: Readonly<Record<number, string>> = {
  2: 'kernel',
  3: 'boot',
  4: 'static',
  9: 'ra',
  12: 'bird',
  16: 'dhcp',
  80: 'felix (80)',
  186: 'bgp',
};
const tables: Readonly<Record<number, string>> = { 253: 'default', 254: 'main', 255: 'local' };

/** The answer for a reader: the kernel's route, why it is there, and the objects behind the address. */
export function describeRoute(
  address: string,
  { entry, answer }: felixV1.LookUpRouteResponse,
  facts: AddressFacts,
): string {
  const { pool, block, holder, node } = facts;
  const lines = [
    `Address:   ${address}`,
    `Route:     ${entry === undefined ? 'none' : routeText(entry)}`,
    `Why:       ${reasonOf(entry, facts)}`,
    `Kernel:    ${answer === undefined ? 'refuses to send there' : `sends ${wayText(answer)}`}`,
    `Pool:      ${pool === undefined ? 'none' : `${pool.name} ${pool.spec.cidr}, ${encapsulationOf(pool.spec)} (revision ${pool.revision})`}`,
    `Block:     ${block === undefined ? 'none' : `${block.cidr} of ${block.host === '' ? 'no node' : block.host} (revision ${block.revision})`}`,
    `Given to:  ${holder === undefined ? 'nobody' : `${holder.what}${holder.node === undefined ? '' : ` on ${holder.node}`}${isBorrowed(facts) ? ', borrowed' : ''}`}`,
    ...(node === undefined ? [] : [`Node:      ${node.name} (revision ${node.revision})`]),
  ];
  return `${lines.join('\n')}\n`;
}

const tunnels: Readonly<Record<string, string>> = { vxlan: 'VXLAN', ipip: 'IP in IP', wireguard: 'WireGuard' };

/** Why the kernel has the route. */
export function reasonOf(entry: felixV1.KernelRoute | undefined, facts: AddressFacts): string {
  if (entry === undefined) return 'the kernel has no route for it';
  const { interfaceName = '', gateway = '', interfaceKind = '', remote = '' } = entry.nextHops[0] ?? {};
  if (entry.type === 'local') return `the address is this host's own, on ${interfaceName}`;
  if (entry.type === 'broadcast' || entry.type === 'multicast') return `it is a ${entry.type} address`;
  if (entry.type !== 'unicast') {
    return `what no workload has is dropped here (${entry.type}), so that it does not go round in circles`;
  }
  const { holder, block } = facts;
  const borrowed = isBorrowed(facts) ? ', for an address borrowed from another node’s block' : '';
  const owner = holder?.node ?? (block?.host === '' ? undefined : block?.host);
  const node = owner === undefined ? 'another node' : `node ${owner}`;
  const tunnel = tunnels[interfaceKind];
  if (tunnel !== undefined) {
    const below = remote === '' ? '' : `, its packets go to ${remote}`;
    const by = gateway === '' ? '' : `, by ${gateway}`;
    return `${node} is at the other end of the ${tunnel} tunnel ${interfaceName}${by}${below}${borrowed}`;
  }
  if (interfaceName.startsWith('cali')) return `a workload of this node is behind ${interfaceName}${borrowed}`;
  const ways = entry.nextHops.map((hop) => hop.gateway).join(' and ');
  if (entry.protocol === 12 || entry.protocol === 186) {
    return `BGP told of it, by ${ways}${owner === undefined ? '' : `, for ${node}`}${borrowed}`;
  }
  if (entry.protocol === 80) return `${node} of the same subnet has it, at ${ways}${borrowed}`;
  if (entry.destination.endsWith('/0')) return 'nothing better than the default route is there';
  return `the host's own route (${protocols[entry.protocol] ?? `protocol ${entry.protocol}`})`;
}

function isBorrowed({ block, holder }: AddressFacts): boolean {
  return holder?.node !== undefined && block !== undefined && block.host !== '' && holder.node !== block.host;
}

function encapsulationOf({ ipipMode = 'Never', vxlanMode = 'Never' }: IPPool['spec']): string {
  if (vxlanMode !== 'Never') return `VXLAN ${vxlanMode}`;
  return ipipMode === 'Never' ? 'no encapsulation' : `IP in IP ${ipipMode}`;
}

/** As `ip route` would say it. */
export function routeText({
  destination,
  type,
  protocol,
  table,
  metric,
  source,
  nextHops,
}: felixV1.KernelRoute): string {
  const parts = [
    ...(type === 'unicast' ? [] : [type]),
    destination,
    ...nextHops.map(hopText),
    `proto ${protocols[protocol] ?? protocol}`,
    `table ${tables[table] ?? table}`,
    ...(metric === 0 ? [] : [`metric ${metric}`]),
    ...(source === '' ? [] : [`src ${source}`]),
  ];
  return parts.join(' ');
}

function wayText({ nextHops, type, source }: felixV1.KernelRoute): string {
  const way = nextHops.map(hopText).join(' ');
  return `${way === '' ? type : way}${source === '' ? '' : ` from ${source}`}`;
}

function hopText({ gateway, interfaceName, onlink }: felixV1.KernelNextHop): string {
  return [
    ...(gateway === '' ? [] : [`via ${gateway}`]),
    ...(interfaceName === '' ? [] : [`dev ${interfaceName}`]),
    ...(onlink ? ['onlink'] : []),
  ].join(' ');
}
