import type { Family } from '@calico-node/net';
import type { NetnsRef } from '@calico-node/netlink';
import { NftablesSocket } from '@calico-node/netlink/nftables';
import type { DriverChoice } from '../dataplane/driver-choice.ts';
import { IptablesPrograms } from '../dataplane/iptables/iptables-programs.ts';
import { chainNameInKernel, tableOf } from '../dataplane/nftables/kernel-names.ts';
import { workloadChainName, type Direction } from '../rules/names.ts';

/** An endpoint's chain as the kernel has it. */
export interface EndpointChainInKernel {
  readonly family: Family;
  readonly direction: Direction;
  readonly name: string;
  /** Absent where there is no such chain. */
  readonly rules?: number;
}

/** Reads the chains of a workload's interface. Throws what the packet filter's reader throws. */
export async function readEndpointChains(
  interfaceName: string,
  families: readonly Family[],
  filter: DriverChoice,
  netns?: NetnsRef,
): Promise<readonly EndpointChainInKernel[]> {
  const where = netns === undefined ? {} : { netns };
  const found = await Promise.all(
    families.map(async (family) => {
      const ruleCount = await readers(filter, where)(family);
      return (['ingress', 'egress'] as const).map((direction): EndpointChainInKernel => {
        const inModel = workloadChainName(interfaceName, direction);
        const name = filter.kind === 'nftables' ? chainNameInKernel('filter', inModel) : inModel;
        const rules = ruleCount(name);
        return { family, direction, name, ...(rules === undefined ? {} : { rules }) };
      });
    }),
  );
  return found.flat();
}

type RuleCount = (chain: string) => number | undefined;

function readers(
  filter: DriverChoice,
  where: { readonly netns?: NetnsRef },
): (family: Family) => RuleCount | Promise<RuleCount> {
  if (filter.kind === 'iptables') {
    const programs = new IptablesPrograms({ variant: filter.variant, ...where });
    return async (family) => {
      const chains = (await programs.save(family)).get('filter');
      return (chain) => chains?.get(chain)?.rules.length;
    };
  }
  return (family) => {
    using socket = NftablesSocket.open(where);
    const names = new Set(socket.listChains(tableOf(family)).map(({ name }) => name));
    const rules = socket.listRules(tableOf(family));
    return (chain) => (names.has(chain) ? rules.filter((rule) => rule.chain === chain).length : undefined);
  };
}
