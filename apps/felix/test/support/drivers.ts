import type { Family } from '@calico-node/net';
import { IptablesDriver } from '../../src/dataplane/iptables/iptables-driver.ts';
import { NftablesDriver } from '../../src/dataplane/nftables/nftables-driver.ts';
import type { PolicyDriver } from '../../src/dataplane/policy-driver.ts';
import type { RuleOptions } from '../../src/rules/options.ts';

interface DriverSettings {
  readonly netns: string;
  readonly families: readonly Family[];
  readonly rules: RuleOptions;
  readonly log?: { info: () => void; warn: (fields: object) => void };
  readonly onDirty?: () => void;
}

const quiet = { log: { info: () => undefined, warn: () => undefined }, onDirty: () => undefined };

/** The packet filter drivers, which all have to do the same. */
export const drivers: Readonly<Record<string, (settings: DriverSettings) => PolicyDriver>> = {
  nftables: (settings) => new NftablesDriver({ ...quiet, ...settings }),
  'iptables-legacy': (settings) => new IptablesDriver({ ...quiet, ...settings, variant: 'legacy' }),
  'iptables-nft': (settings) => new IptablesDriver({ ...quiet, ...settings, variant: 'nft' }),
};
