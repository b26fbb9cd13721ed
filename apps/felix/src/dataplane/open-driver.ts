import type { Family } from '@calico-node/net';
import type { NetnsRef } from '@calico-node/netlink';
import type { Logger } from '@calico-node/service';
import type { FelixParameters } from '../config/parameters.ts';
import { switchesOf } from '../config/text-types.ts';
import type { RuleOptions } from '../rules/options.ts';
import type { DriverChoice } from './driver-choice.ts';
import { IptablesDriver } from './iptables/iptables-driver.ts';
import type { IptablesVariant } from './iptables/variant.ts';
import { IptablesLeftovers } from './leftovers/iptables-leftovers.ts';
import type { Leftovers } from './leftovers/leftovers.ts';
import { NftablesLeftovers } from './leftovers/nftables-leftovers.ts';
import { NftablesDriver } from './nftables/nftables-driver.ts';
import type { PolicyDriver } from './policy-driver.ts';
import { ReplacingDriver } from './replacing-driver.ts';

/** What of Felix's configuration shapes how iptables is driven. */
export type IptablesParameters = Pick<
  FelixParameters,
  | 'FeatureDetectOverride'
  | 'ChainInsertMode'
  | 'IptablesPostWriteCheckIntervalSecs'
  | 'IptablesRefreshInterval'
  | 'MaxIpsetSize'
>;

export interface OpenDriverOptions {
  readonly choice: DriverChoice;
  readonly parameters: IptablesParameters;
  readonly netns?: NetnsRef;
  readonly families: readonly Family[];
  readonly rules: RuleOptions;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly onDirty: () => void;
  /** Told how long it took to start a program of iptables, in microseconds. */
  readonly onProgramStart?: (micros: number) => void;
}

/** The driver of the chosen packet filter, which takes the place of any other that was driven before. */
export function openDriver(options: OpenDriverOptions): PolicyDriver {
  const { choice, log, netns } = options;
  return new ReplacingDriver(openAlone(options), leftoversBeside(choice, netns), log);
}

function openAlone({ choice, parameters, ...common }: OpenDriverOptions): PolicyDriver {
  if (choice.kind === 'nftables') return new NftablesDriver(common);
  return new IptablesDriver({
    ...common,
    variant: choice.variant,
    restoreTakesLock: switchesOf(parameters.FeatureDetectOverride).get('RestoreSupportsLock') ?? true,
    insertMode: parameters.ChainInsertMode,
    maxIpSetSize: parameters.MaxIpsetSize,
    postWriteCheckSeconds: parameters.IptablesPostWriteCheckIntervalSecs,
    refreshSeconds: parameters.IptablesRefreshInterval,
  });
}

/** What drivers that are not the chosen one may have left. Both variants of iptables share their sets. */
function leftoversBeside(choice: DriverChoice, netns: NetnsRef | undefined): readonly Leftovers[] {
  const where = netns === undefined ? {} : { netns };
  const iptables = (variant: IptablesVariant, withSets: boolean): Leftovers =>
    new IptablesLeftovers({ variant, withSets, ...where });
  // The sets go with the last rules that look into them.
  if (choice.kind === 'nftables') return [iptables('legacy', false), iptables('nft', true)];
  return [new NftablesLeftovers(netns), iptables(choice.variant === 'nft' ? 'legacy' : 'nft', false)];
}
