import type { Family } from '@calico-node/net';
import type { NetnsRef } from '@calico-node/netlink';
import { NftablesSocket } from '@calico-node/netlink/nftables';
import type { Stage } from '@calico-node/policy';
import type { DriverChoice } from '../dataplane/driver-choice.ts';
import { IptablesPrograms } from '../dataplane/iptables/iptables-programs.ts';
import { chainNameInKernel, tableOf } from '../dataplane/nftables/kernel-names.ts';
import type { Layer } from '../rules/model.ts';
import { hostChainName, workloadChainName, type Direction, type HostChainKind } from '../rules/names.ts';

/** A chain that an endpoint should have. */
export interface EndpointChain {
  readonly direction: Direction;
  readonly stage: Stage;
  readonly layer: Layer;
  /** In the rule model. */
  readonly name: string;
}

/** An endpoint's chain as the kernel has it. */
export interface EndpointChainInKernel {
  readonly family: Family;
  readonly direction: Direction;
  readonly stage: Stage;
  readonly name: string;
  /** Absent where there is no such chain. */
  readonly rules?: number;
}

const directions = ['ingress', 'egress'] as const;

/** Those of a workload's interface. */
export function workloadChains(interfaceName: string): readonly EndpointChain[] {
  return directions.map((direction) => ({
    direction,
    stage: 'normal',
    layer: 'filter',
    name: workloadChainName(interfaceName, direction),
  }));
}

const hostChainKinds: readonly (readonly [Stage, Layer, HostChainKind, Direction])[] = [
  ['untracked', 'raw', 'from', 'ingress'],
  ['untracked', 'raw', 'to', 'egress'],
  ['pre-dnat', 'mangle', 'from', 'ingress'],
  ['normal', 'filter', 'from', 'ingress'],
  ['normal', 'filter', 'to', 'egress'],
  ['forward', 'filter', 'from-forward', 'ingress'],
  ['forward', 'filter', 'to-forward', 'egress'],
];

/** Those of a host's interface, or of `*`. */
export function hostChains(
  interfaceName: string,
  maxChainNameLength: number,
  isAskedUntracked: boolean,
): readonly EndpointChain[] {
  return hostChainKinds
    .filter(([stage]) => stage !== 'untracked' || isAskedUntracked)
    .map(([stage, layer, kind, direction]) => {
      return { stage, layer, direction, name: hostChainName(interfaceName, kind, maxChainNameLength) };
    });
}

/** Reads the chains. Throws what the packet filter's reader throws. */
export async function readEndpointChains(
  chains: readonly EndpointChain[],
  families: readonly Family[],
  filter: DriverChoice,
  netns?: NetnsRef,
): Promise<readonly EndpointChainInKernel[]> {
  const where = netns === undefined ? {} : { netns };
  const found = await Promise.all(
    families.map(async (family) => {
      const ruleCount = await readers(filter, where)(family);
      return chains.map(({ direction, stage, layer, name: inModel }): EndpointChainInKernel => {
        const name = filter.kind === 'nftables' ? chainNameInKernel(layer, inModel) : inModel;
        const rules = ruleCount(layer, name);
        return { family, direction, stage, name, ...(rules === undefined ? {} : { rules }) };
      });
    }),
  );
  return found.flat();
}

type RuleCount = (layer: Layer, chain: string) => number | undefined;

function readers(
  filter: DriverChoice,
  where: { readonly netns?: NetnsRef },
): (family: Family) => RuleCount | Promise<RuleCount> {
  if (filter.kind === 'iptables') {
    const programs = new IptablesPrograms({ variant: filter.variant, ...where });
    return async (family) => {
      const tables = await programs.save(family);
      return (layer, chain) => tables.get(layer)?.get(chain)?.rules.length;
    };
  }
  return (family) => {
    using socket = NftablesSocket.open(where);
    const names = new Set(socket.listChains(tableOf(family)).map(({ name }) => name));
    const rules = socket.listRules(tableOf(family));
    return (_layer, chain) => (names.has(chain) ? rules.filter((rule) => rule.chain === chain).length : undefined);
  };
}
