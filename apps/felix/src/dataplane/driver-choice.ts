import type { NetnsRef } from '@calico-node/netlink';
import { NftablesSocket } from '@calico-node/netlink/nftables';
import type { FelixParameters } from '../config/parameters.ts';
import { IptablesPrograms, isInstalled } from './iptables/iptables-programs.ts';
import { detectVariant, type IptablesVariant } from './iptables/variant.ts';

/** Which packet filter Felix drives. */
export type DriverChoice =
  { readonly kind: 'nftables' } | { readonly kind: 'iptables'; readonly variant: IptablesVariant };

/** What the host has. */
export interface FilterProbe {
  hasNftables(): boolean;
  /** How many rules iptables' programs of a variant show, both families. */
  countRules(variant: IptablesVariant): number;
}

/**
 * NFTablesMode `Enabled`: nftables; `Disabled`: iptables; `Auto`: nftables where the kernel has it. (Calico's Auto
 * follows kube-proxy's mode, and there is no kube-proxy to follow without Kubernetes.) IptablesBackend names iptables'
 * variant, or `auto`: the one that the host's rules are in.
 */
export function chooseDriver(
  { NFTablesMode, IptablesBackend }: Pick<FelixParameters, 'NFTablesMode' | 'IptablesBackend'>,
  probe: FilterProbe,
): DriverChoice {
  if (NFTablesMode === 'Enabled' || (NFTablesMode === 'Auto' && probe.hasNftables())) return { kind: 'nftables' };
  const variant = IptablesBackend === 'auto' ? detectVariant((one) => probe.countRules(one)) : IptablesBackend;
  return { kind: 'iptables', variant };
}

/** Looks at a network namespace; the process's own when absent. */
export function probeFilters(netns?: NetnsRef): FilterProbe {
  const where = netns === undefined ? {} : { netns };
  return {
    hasNftables: () => {
      try {
        using socket = NftablesSocket.open(where);
        socket.getTable({ family: 'ip', name: 'calico' });
        return true;
      } catch {
        // A kernel without nf_tables knows no such messages.
        return false;
      }
    },
    countRules: (variant) => {
      if (!isInstalled(`iptables-${variant}-save`)) return 0;
      const programs = new IptablesPrograms({ variant, ...where });
      let rules = 0;
      for (const family of [4, 6] as const) {
        for (const table of programs.saveSync(family).values()) {
          for (const chain of table.values()) rules += chain.rules.length;
        }
      }
      return rules;
    },
  };
}
