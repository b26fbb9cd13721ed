import { CommandError } from '../../io.ts';
import type { DatastoreOptions } from '../../session.ts';

/** The flags of `cluster diags`. */
export interface ClusterDiagsFlags extends DatastoreOptions {
  readonly since?: string;
  readonly maxLogs: string;
  readonly maxParallelism: string;
  readonly focusNodes?: string;
  readonly skipTempDirCleanup?: boolean;
}

export interface ClusterDiagsSettings {
  readonly maxNodes: number;
  readonly parallelism: number;
  readonly focusNodes: readonly string[];
  readonly keepsDirectory: boolean;
  /** Whether logs of some age only were asked for. */
  readonly hasSince: boolean;
}

/** @throws CommandError for a flag that is not what it must be. */
export function readClusterDiagsFlags(flags: ClusterDiagsFlags): ClusterDiagsSettings {
  const { since, focusNodes = '' } = flags;
  if (since !== undefined && !/^\d+[smh]$/.test(since)) {
    throw new CommandError(
      `invalid duration "${since}" specified. Since duration must be a positive integer followed by either "s", "m" or "h"`,
    );
  }
  return {
    maxNodes: countOf(flags.maxLogs, 'max-logs', 0),
    parallelism: countOf(flags.maxParallelism, 'max-parallelism', 1),
    focusNodes: focusNodes.split(',').filter((node) => node !== ''),
    keepsDirectory: flags.skipTempDirCleanup === true,
    hasSince: since !== undefined,
  };
}

function countOf(text: string, flag: string, least: number): number {
  const count = /^\d{1,6}$/.test(text) ? Number(text) : NaN;
  if (count >= least) return count;
  throw new CommandError(`invalid --${flag} value "${text}" specified. Must be a whole number of at least ${least}`);
}

/** Every node, those in focus first, in the order in which they were named. */
export function orderedNodes(nodes: readonly string[], focus: readonly string[]): readonly string[] {
  return [...new Set([...focus, ...nodes])];
}
