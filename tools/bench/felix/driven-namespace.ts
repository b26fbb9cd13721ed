import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createNetns, deleteNetns } from '@calico-node/netlink';
import type { Intent } from '../../../apps/felix/src/calc/intents.ts';
import { IptablesDriver } from '../../../apps/felix/src/dataplane/iptables/iptables-driver.ts';
import { NftablesDriver } from '../../../apps/felix/src/dataplane/nftables/nftables-driver.ts';
import type { PolicyDriver } from '../../../apps/felix/src/dataplane/policy-driver.ts';
import { defaultRuleOptions } from '../../../apps/felix/src/rules/options.ts';

export const filters = ['nftables', 'iptables-legacy', 'iptables-nft'] as const;
export type FilterName = (typeof filters)[number];

/** What one apply took. */
export interface Cost {
  readonly wallMs: number;
  /** Of our process, the kernel's work for it included. */
  readonly cpuMs: number;
  /** Of the programs that it ran; the kernel counts it in steps of 10 ms. */
  readonly childrenMs: number;
}

/** A network namespace of its own whose packet filter a driver holds; gone with everything in it at the end. */
export class DrivenNamespace implements Disposable {
  readonly netns: string;
  readonly #driver: PolicyDriver;
  readonly #isOwn: boolean;

  constructor(filter: FilterName, netns?: string) {
    this.#isOwn = netns === undefined;
    this.netns = netns ?? `cnt-${randomBytes(5).toString('hex')}`;
    if (this.#isOwn) createNetns(this.netns);
    const options = {
      netns: this.netns,
      families: [4, 6],
      rules: defaultRuleOptions,
      log: { info: () => undefined, warn: () => undefined },
      onDirty: () => undefined,
    } as const;
    this.#driver =
      filter === 'nftables'
        ? new NftablesDriver(options)
        : new IptablesDriver({ ...options, variant: filter === 'iptables-nft' ? 'nft' : 'legacy' });
  }

  async apply(...intents: readonly Intent[]): Promise<Cost> {
    const cpu = process.cpuUsage();
    const children = childrenMs();
    const start = performance.now();
    this.#driver.update(intents);
    await this.#driver.apply();
    const wallMs = performance.now() - start;
    const { user, system } = process.cpuUsage(cpu);
    return { wallMs, cpuMs: (user + system) / 1000, childrenMs: childrenMs() - children };
  }

  counts(): { readonly chains: number; readonly rules: number; readonly sets: number } {
    return this.#driver.counts();
  }

  [Symbol.dispose](): void {
    this.#driver.close();
    if (this.#isOwn) deleteNetns(this.netns);
  }
}

/** CPU time of all children that have ended: cutime and cstime of proc(5), at 100 ticks a second. */
function childrenMs(): number {
  const [, rest = ''] = readFileSync('/proc/self/stat', 'utf8').split(') ', 2);
  const fields = rest.split(' ').map(Number);
  return ((fields[13] ?? 0) + (fields[14] ?? 0)) * 10;
}
