import type { Family } from '@calico-node/net';
import type { Intent, LocalWorkloadEndpoint } from '../calc/intents.ts';

/** What a driver has in the kernel now. */
export interface PolicyCounts {
  readonly chains: number;
  readonly rules: number;
  readonly sets: number;
  /** What those chains and rules are in. */
  readonly tables: readonly TableCounts[];
  readonly families: readonly FamilyCounts[];
  /** Of a driver that runs iptables' programs. */
  readonly programs?: ProgramCounts;
  /** Of one that fills ipset's sets. */
  readonly ipsets?: IpsetCounts;
  /** Of one that speaks nf_tables. */
  readonly nftables?: NftablesCounts;
}

export interface TableCounts {
  readonly family: Family;
  readonly table: string;
  readonly chains: number;
  readonly rules: number;
}

export interface FamilyCounts {
  readonly family: Family;
  /** IP sets. */
  readonly sets: number;
  /** Verdict maps of nf_tables. */
  readonly maps: number;
}

/** Since start. */
export interface IpsetCounts {
  /** Batches of changes. */
  readonly calls: number;
  readonly errors: number;
  readonly operations: number;
  /** Asks the kernel how many sets it has, whoever made them. */
  readonly total: () => number;
}

/** Since start. */
export interface NftablesCounts {
  readonly commits: number;
  readonly commitErrors: number;
  /** Of them those that changed sets or their members. */
  readonly setCommits: number;
  readonly setCommitErrors: number;
  readonly reads: number;
  readonly readErrors: number;
}

/** Runs of `iptables-save` and `iptables-restore` since start. */
export interface ProgramCounts {
  readonly restoreCalls: number;
  readonly restoreErrors: number;
  readonly saveCalls: number;
  readonly saveErrors: number;
  /** Lines that restore was given, by family and table. */
  readonly linesExecuted: readonly { readonly family: Family; readonly table: string; readonly lines: number }[];
}

/**
 * A packet filter that is told what should be and makes it so. It keeps desired beside actual and writes the
 * difference; it knows what is its own in the kernel without memory of an earlier run.
 */
export interface PolicyDriver {
  /**
   * How many policies an apply may have of which nobody should notice how long it takes. The more an apply takes that
   * changes little, the more.
   */
  readonly pieceSize: number;
  /** Takes changes into what should be; no I/O. */
  update(intents: readonly Intent[]): void;
  /** Drops all workload traffic where nothing of ours is there yet. Before the store is in sync. */
  installSkeleton(): void;
  /** Makes it so. On failure it throws, the kernel holds the old state or the new, and the next call tries again. */
  apply(): Promise<void>;
  /** Reads the kernel anew at the next `apply`. */
  resync(): void;
  /** Whether there is an endpoint with a problem. */
  readonly hasProblems: boolean;
  /** Why the endpoint's traffic is dropped although policy may allow it, as of the last `apply`; else nothing. */
  problemOf(endpoint: LocalWorkloadEndpoint): string | undefined;
  /** Messages that asked the kernel for a change, since start. */
  readonly writes: number;
  /** How often a foreign change to what is ours was put right. */
  readonly repairs: number;
  counts(): PolicyCounts;
  close(): void;
}
