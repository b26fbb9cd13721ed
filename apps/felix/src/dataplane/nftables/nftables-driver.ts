/**
 * Felix's packet filter as nf_tables: table `ip calico` and, where the node has IPv6, `ip6 calico`.
 *
 *   intents ─ update ─► Table per family: desired │ actual ─ apply ─► kernel
 *                                                 ▲                     │
 *                                              resync ◄── foreign change┘
 *
 * The kernel's objects carry all that is needed to know them again: rules a fingerprint of their chain in the
 * comment, sets and maps their members. After a restart the difference to that is written, mostly nothing.
 */
import type { Family } from '@calico-node/net';
import type { NetnsRef } from '@calico-node/netlink';
import { NftablesMonitor, NftablesSocket, type NftablesEvent } from '@calico-node/netlink/nftables';
import type { Logger } from '@calico-node/service';
import type { Intent, LocalWorkloadEndpoint } from '../../calc/intents.ts';
import type { RuleOptions } from '../../rules/options.ts';
import { staticSets } from '../../rules/static-chains.ts';
import { PolicyIntents } from '../policy-intents.ts';
import type { PolicyCounts, PolicyDriver } from '../policy-driver.ts';
import { chainNameInKernel } from './kernel-names.ts';
import { Table } from './table.ts';

export interface NftablesDriverOptions {
  /** The node's namespace; the process's own when absent. */
  readonly netns?: NetnsRef;
  readonly families: readonly Family[];
  readonly rules: RuleOptions;
  /** Whether runs of alike rules are compiled into verdict maps; they are unless this says no. */
  readonly verdictMaps?: boolean;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Somebody else changed our tables, or we may have missed that: apply again. */
  readonly onDirty: () => void;
}

/** How many changes a log line names. */
const NAMED_CHANGES = 20;

export class NftablesDriver implements PolicyDriver {
  readonly pieceSize = 250;
  readonly #options: NftablesDriverOptions;
  readonly #socket: NftablesSocket;
  readonly #monitor: NftablesMonitor;
  readonly #tables: readonly { readonly table: Table; readonly intents: PolicyIntents }[];
  /** Arrived since the last apply began: an apply must not see the half of a change. */
  #arrived: Intent[] = [];
  #isInSync = false;
  /** What somebody else did to our tables since the last apply. */
  #foreign = new Map<string, number>();
  #repairs = 0;
  #isClosed = false;

  constructor(options: NftablesDriverOptions) {
    this.#options = options;
    const where = options.netns === undefined ? {} : { netns: options.netns };
    this.#socket = NftablesSocket.open(where);
    // Before anything is read: what happens from now on is told.
    this.#monitor = NftablesMonitor.open({
      ...where,
      onEvent: (event) => {
        this.#onEvent(event);
      },
      onOverrun: () => {
        this.#noteForeign('events were lost');
      },
    });
    this.#tables = options.families.map((family) => {
      const table = new Table(family, this.#socket);
      for (const id of staticSets(options.rules)) table.sets.replace(id, 'net', []);
      return {
        table,
        intents: new PolicyIntents(table, {
          ...options.rules,
          verdictMaps: options.verdictMaps ?? true,
          lateInput: true,
        }),
      };
    });
  }

  get writes(): number {
    return this.#tables.reduce((sum, { table }) => sum + table.writes, 0);
  }

  /** How often a foreign change to our tables was put right. */
  get repairs(): number {
    return this.#repairs;
  }

  update(intents: readonly Intent[]): void {
    for (const intent of intents) this.#arrived.push(intent);
  }

  /** @throws NftablesError when the kernel refuses. */
  installSkeleton(): void {
    for (const { table } of this.#tables) {
      if (table.installSkeleton()) {
        this.#options.log.info({ family: table.family }, 'workload traffic is dropped until the store is in sync');
      }
    }
  }

  /** @throws NftablesError of the first table that failed; the others have been applied all the same. */
  async apply(): Promise<void> {
    this.#takeArrived();
    if (!this.#isInSync) {
      this.installSkeleton();
      return;
    }
    const foreign = this.#foreign;
    this.#foreign = new Map();
    const failures: unknown[] = [];
    const changed: string[] = [];
    for (const { table } of this.#tables) {
      const family = `ip${table.family === 6 ? '6' : ''}`;
      await table.apply().then(
        (texts) => {
          for (const text of texts) changed.push(`${family} ${text}`);
        },
        (error: unknown) => failures.push(error),
      );
      for (const [chain, reason] of table.chains.refused) {
        this.#options.log.warn({ family, chain, reason }, 'the kernel refused a chain, which drops everything now');
      }
    }
    if (foreign.size > 0) this.#reportRepair(foreign, changed);
    if (failures.length > 0) throw failures[0];
  }

  resync(): void {
    for (const { table } of this.#tables) table.resync();
  }

  get hasProblems(): boolean {
    return this.#tables.some(({ table }) => table.chains.refused.size > 0);
  }

  problemOf(endpoint: LocalWorkloadEndpoint): string | undefined {
    for (const { table, intents } of this.#tables) {
      if (table.chains.refused.size === 0) continue;
      for (const name of intents.chainsOf(endpoint)) {
        const chain = chainNameInKernel('filter', name);
        const reason = table.chains.refused.get(chain);
        if (reason !== undefined) return `the kernel refused chain ${chain}: ${reason}`;
      }
    }
    return undefined;
  }

  counts(): PolicyCounts {
    const sum = (count: (table: Table) => number): number =>
      this.#tables.reduce((total, { table }) => total + count(table), 0);
    return {
      chains: sum(({ chains }) => chains.chainCount),
      rules: sum(({ chains }) => chains.ruleCount),
      sets: sum(({ sets, dispatch }) => sets.count + dispatch.count),
      tables: this.#tables.map(({ table: { family, chains } }) => {
        return { family, table: 'calico', chains: chains.chainCount, rules: chains.ruleCount };
      }),
      families: this.#tables.map(({ table: { family, sets, dispatch } }) => {
        return { family, sets: sets.count, maps: dispatch.count };
      }),
      nftables: {
        commits: sum(({ counts }) => counts.commits),
        commitErrors: sum(({ counts }) => counts.commitErrors),
        setCommits: sum(({ counts }) => counts.setCommits),
        setCommitErrors: sum(({ counts }) => counts.setCommitErrors),
        reads: sum(({ counts }) => counts.reads),
        readErrors: sum(({ counts }) => counts.readErrors),
      },
    };
  }

  close(): void {
    this.#isClosed = true;
    this.#monitor.close();
    this.#socket.close();
  }

  #onEvent({ family, table, portId, change, object }: NftablesEvent): void {
    if (portId === this.#socket.portId) return;
    const isOurs = this.#options.families.some((ours) => (ours === 4 ? 'ip' : 'ip6') === family);
    if (isOurs && table === 'calico') this.#noteForeign(`${object} ${change}`);
  }

  #noteForeign(what: string): void {
    const isFirst = this.#foreign.size === 0;
    this.#foreign.set(what, (this.#foreign.get(what) ?? 0) + 1);
    this.resync();
    if (this.#isInSync) this.#options.onDirty();
    // Nobody applies before the store is in sync; the closed door has to be put back all the same.
    else if (isFirst) setImmediate(this.#restoreSkeleton);
  }

  readonly #restoreSkeleton = (): void => {
    if (this.#isClosed || this.#isInSync) return;
    this.#foreign = new Map();
    try {
      this.installSkeleton();
    } catch (error) {
      this.#options.log.warn({ err: error }, 'workload traffic could not be dropped');
    }
  };

  #takeArrived(): void {
    this.#isInSync ||= this.#arrived.some(({ type }) => type === 'in-sync');
    for (const { intents } of this.#tables) intents.take(this.#arrived);
    this.#arrived = [];
  }

  #reportRepair(foreign: ReadonlyMap<string, number>, changed: readonly string[]): void {
    const seen = Object.fromEntries(foreign);
    if (changed.length === 0) return;
    this.#repairs++;
    this.#options.log.warn(
      { seen, changes: changed.length, repaired: changed.slice(0, NAMED_CHANGES) },
      'somebody else changed our tables, which were put right',
    );
  }
}
