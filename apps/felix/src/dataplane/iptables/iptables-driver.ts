/**
 * Felix's packet filter as iptables and ipset, in either of iptables' variants.
 *
 *   intents ─ update ─► IptablesFamily, one per family: desired │ actual ─ apply ─► ipset (netlink), iptables-restore
 *                                                               ▲
 *                                          iptables-save, sets ─┘ at start, when told, after writes
 *
 * Rules carry a hash in their comment, sets their members: after a restart only the difference is written. The nft
 * variant's tables are watched as nf_tables. Of the legacy variant's, and of sets, the kernel tells nothing: how much is in
 * them is looked at twice a second, and what, too, less often where that is much.
 */
import type { Family } from '@calico-node/net';
import type { NetnsRef } from '@calico-node/netlink';
import { IpsetSocket } from '@calico-node/netlink/ipset';
import { LegacyTables } from '@calico-node/netlink/iptables';
import { NftablesMonitor } from '@calico-node/netlink/nftables';
import type { Logger } from '@calico-node/service';
import type { Intent, LocalWorkloadEndpoint } from '../../calc/intents.ts';
import type { RuleOptions } from '../../rules/options.ts';
import { staticSets } from '../../rules/static-chains.ts';
import type { PolicyCounts, PolicyDriver } from '../policy-driver.ts';
import { PolicyIntents } from '../policy-intents.ts';
import { CheckTimer } from './check-timer.ts';
import { ForeignWatch } from './foreign-watch.ts';
import { readIpSets } from './ip-sets.ts';
import { IptablesFamily } from './iptables-family.ts';
import { IptablesPrograms } from './iptables-programs.ts';
import type { ChainInsertMode } from './iptables-table.ts';
import type { SavedTable } from './save-output.ts';
import type { IptablesVariant } from './variant.ts';

export interface IptablesDriverOptions {
  readonly variant: IptablesVariant;
  /** The node's namespace; the process's own when absent. */
  readonly netns?: NetnsRef;
  readonly families: readonly Family[];
  readonly rules: RuleOptions;
  readonly restoreTakesLock?: boolean;
  readonly insertMode?: ChainInsertMode;
  readonly maxIpSetSize?: number;
  /** How soon after a write the tables are read again, at first; 0: not at all. Each time doubles it, up to the next. */
  readonly postWriteCheckSeconds?: number;
  readonly refreshSeconds?: number;
  /** Told how long it took to start a program, in microseconds. */
  readonly onProgramStart?: (micros: number) => void;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Somebody else may have changed our tables: apply again. */
  readonly onDirty: () => void;
}

/** What the names of Felix's sets begin with. */
const ourSets = 'cali';
/** How many changes a log line names. */
const NAMED_CHANGES = 20;
/** How long to gather what others do to the tables before reading them. */
const FOREIGN_CHANGE_MS = 200;

const layers: readonly string[] = ['raw', 'mangle', 'nat', 'filter'];

export class IptablesDriver implements PolicyDriver {
  /** Each run of restore reads whole tables. */
  readonly pieceSize = 1000;
  readonly #options: IptablesDriverOptions;
  readonly #programs: IptablesPrograms;
  readonly #ipsets: IpsetSocket;
  readonly #families: readonly { readonly target: IptablesFamily; readonly intents: PolicyIntents }[];
  readonly #monitor: NftablesMonitor | undefined;
  readonly #checks: CheckTimer;
  readonly #legacy: LegacyTables | undefined;
  /** How much is in what the kernel tells nothing of, and what. */
  readonly #watches: { readonly amounts: ForeignWatch; readonly contents: ForeignWatch };
  /** Arrived since the last apply began: an apply must not see the half of a change. */
  #arrived: Intent[] = [];
  #isInSync = false;
  #needsRead = true;
  #hasRead = false;
  #held = '';
  #foreign: string[] = [];
  #repairs = 0;

  constructor(options: IptablesDriverOptions) {
    const { netns, variant, families, rules, insertMode = 'insert', maxIpSetSize = 1 << 20 } = options;
    const where = netns === undefined ? {} : { netns };
    this.#options = options;
    this.#programs = new IptablesPrograms({
      variant,
      needed: layers,
      restoreTakesLock: options.restoreTakesLock ?? true,
      ...where,
      ...(options.onProgramStart === undefined ? {} : { onStart: options.onProgramStart }),
    });
    this.#ipsets = IpsetSocket.open(where);
    this.#families = families.map((family) => {
      const tools = { programs: this.#programs, ipsets: this.#ipsets };
      const target = new IptablesFamily({ family, insertMode, maxIpSetSize, ...tools });
      for (const id of staticSets(rules)) target.sets.replace(id, 'net', []);
      return { target, intents: new PolicyIntents(target, rules) };
    });
    this.#checks = new CheckTimer(options.postWriteCheckSeconds ?? 0, options.refreshSeconds ?? 0, this.#check);
    this.#monitor = variant === 'nft' ? this.#watch(where) : undefined;
    this.#legacy = variant === 'legacy' ? new LegacyTables(families, netns) : undefined;
    this.#watches = {
      amounts: new ForeignWatch(this.#glance, this.#check),
      contents: new ForeignWatch(this.#digest, this.#check),
    };
  }

  get variant(): IptablesVariant {
    return this.#options.variant;
  }

  get writes(): number {
    return this.#families.reduce((sum, { target }) => sum + target.writes, 0);
  }

  get repairs(): number {
    return this.#repairs;
  }

  update(intents: readonly Intent[]): void {
    for (const intent of intents) this.#arrived.push(intent);
  }

  installSkeleton(): void {
    if (this.#isReadDue()) {
      const families = this.#options.families;
      this.#takeActual(new Map(families.map((family) => [family, this.#programs.saveSync(family)])));
    }
    for (const { target } of this.#families) {
      if (target.isHookedIn()) continue;
      this.#needsRead = true;
      target.installSkeleton();
      this.#options.log.info({ family: target.family }, 'workload traffic is dropped until the store is in sync');
    }
    this.#needsRead = false;
  }

  async apply(): Promise<void> {
    const watches = Object.values(this.#watches);
    for (const watch of watches) watch.pause();
    try {
      await this.#apply();
    } finally {
      for (const watch of watches) watch.resume();
    }
  }

  async #apply(): Promise<void> {
    this.#takeArrived();
    if (!this.#isInSync) {
      this.installSkeleton();
      return;
    }
    if (this.#isReadDue()) {
      const saved = new Map<Family, ReadonlyMap<string, SavedTable>>();
      for (const { target } of this.#families) saved.set(target.family, await this.#programs.save(target.family));
      this.#takeActual(saved);
    }
    const failures: unknown[] = [];
    const changed: string[] = [];
    for (const { target } of this.#families) {
      const family = `ip${target.family === 6 ? '6' : ''}`;
      try {
        for (const text of await target.apply()) changed.push(`${family} ${text}`);
      } catch (error) {
        failures.push(error);
      }
      for (const [chain, reason] of target.refused) {
        this.#options.log.warn({ family, chain, reason }, 'iptables refused a chain, which drops everything now');
      }
    }
    this.#reportHeld();
    if (failures.length > 0) {
      this.#needsRead = true;
      throw failures[0];
    }
    this.#watches.contents.judge(changed.length > 0);
    this.#reportRepair(changed);
    if (changed.length > 0) this.#checks.restart();
  }

  resync(): void {
    this.#needsRead = true;
  }

  get hasProblems(): boolean {
    return this.#families.some(({ target }) => target.refused.size > 0);
  }

  problemOf(endpoint: LocalWorkloadEndpoint): string | undefined {
    for (const { target, intents } of this.#families) {
      if (target.refused.size === 0) continue;
      for (const chain of intents.chainsOf(endpoint)) {
        const reason = target.refused.get(chain);
        if (reason !== undefined) return `iptables refused chain ${chain}: ${reason}`;
      }
    }
    return undefined;
  }

  counts(): PolicyCounts {
    const tables = this.#families.flatMap(({ target: { family, tables } }) =>
      tables.map(({ layer: table, chainCount: chains, ruleCount: rules }) => ({ family, table, chains, rules })),
    );
    const families = this.#families.map(({ target: { family, sets } }) => ({ family, sets: sets.count, maps: 0 }));
    return {
      chains: tables.reduce((sum, { chains }) => sum + chains, 0),
      rules: tables.reduce((sum, { rules }) => sum + rules, 0),
      sets: families.reduce((sum, { sets }) => sum + sets, 0),
      tables,
      families,
      programs: this.#programs.counts,
      ipsets: { ...this.#ipsets.counts, total: () => this.#ipsets.list().length },
    };
  }

  close(): void {
    this.#checks.stop();
    for (const watch of Object.values(this.#watches)) watch.stop();
    this.#monitor?.close();
    this.#legacy?.[Symbol.dispose]();
    this.#ipsets.close();
  }

  readonly #check = (): void => {
    this.#needsRead = true;
    this.#options.onDirty();
  };

  /** How much is in what cannot be watched. */
  readonly #glance = (): string => {
    const tables = this.#options.families.flatMap((family) =>
      layers.map((table) => {
        const size = this.#legacy?.sizeOf(family, table);
        return `${family} ${table} ${size?.entries ?? ''} ${size?.bytes ?? ''}`;
      }),
    );
    const sets = this.#ipsets.list().filter(({ name }) => name.startsWith(ourSets));
    return [...tables, ...sets.map(({ name, elements }) => `${name} ${elements ?? ''}`)].join('\n');
  };

  readonly #digest = (): string => {
    const tables = this.#options.families.flatMap((family) =>
      layers.map((table) => this.#legacy?.digestOf(family, table) ?? ''),
    );
    return [...tables, this.#ipsets.digest(ourSets)].join('\n');
  };

  /** The nft variant's tables are nf_tables' own `filter`, `nat`, ... */
  #watch(where: { readonly netns?: NetnsRef }): NftablesMonitor {
    const families = this.#options.families.map((family) => (family === 4 ? 'ip' : 'ip6'));
    const soon = (): void => {
      this.#checks.soon(FOREIGN_CHANGE_MS);
    };
    return NftablesMonitor.open({
      ...where,
      onEvent: ({ family, table, portId }) => {
        const isWatched = families.some((ours) => ours === family) && layers.includes(table);
        // A program's first netlink socket has the program's process id for its port.
        if (isWatched && !this.#programs.isOurs(portId)) soon();
      },
      onOverrun: soon,
    });
  }

  #isReadDue(): boolean {
    return this.#needsRead || this.#families.some(({ target }) => target.sets.hasUnread);
  }

  #takeActual(saved: ReadonlyMap<Family, ReadonlyMap<string, SavedTable>>): void {
    const foreign = readIpSets(
      this.#ipsets,
      this.#families.map(({ target }) => target.sets),
    );
    for (const { target } of this.#families) {
      foreign.push(...target.takeActual(saved.get(target.family) ?? new Map<string, SavedTable>()));
    }
    if (this.#hasRead) this.#foreign.push(...foreign);
    this.#hasRead = true;
    this.#needsRead = false;
  }

  #takeArrived(): void {
    this.#isInSync ||= this.#arrived.some(({ type }) => type === 'in-sync');
    for (const { intents } of this.#families) intents.take(this.#arrived);
    this.#arrived = [];
  }

  /** Once for each such thing: it is tried again with every change. */
  #reportHeld(): void {
    const held = this.#families.flatMap(({ target }) => target.held.map((text) => `ip${target.family} ${text}`));
    const text = held.join();
    if (text === this.#held) return;
    this.#held = text;
    if (held.length > 0)
      this.#options.log.warn({ held: held.slice(0, NAMED_CHANGES) }, 'rules of others keep what should be gone');
  }

  #reportRepair(changed: readonly string[]): void {
    const foreign = this.#foreign;
    this.#foreign = [];
    if (foreign.length === 0 || changed.length === 0) return;
    this.#repairs++;
    this.#options.log.warn(
      { seen: foreign.slice(0, NAMED_CHANGES), changes: changed.length, repaired: changed.slice(0, NAMED_CHANGES) },
      'somebody else changed our tables, which were put right',
    );
  }
}
