import type { Readiness } from './readiness-probe.ts';
import { remedyFor } from './remedy.ts';

/** A process of the node, and how to run it. */
export interface ComponentSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** What `ps` shows first. */
  readonly argv0: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /**
   * What should be ready before the first start. A gate never holds for longer than the supervisor's gate
   * limit, and not at all for restarts: the processes find each other again by themselves.
   */
  readonly after: readonly string[];
  /** What it cannot start without, and which component makes it. Waited for without limit. */
  readonly needsFile?: { readonly path: string; readonly madeBy: string };
  /** Where it answers `/readiness`; without this and `probe` it is ready while it runs. */
  readonly readinessUrl?: string;
  /** Another way to ask whether it is ready; never rejects. */
  readonly probe?: (signal: AbortSignal) => Promise<Readiness>;
  /** Whether it is one of our own programs, which take messages: a log level is set without a restart. */
  readonly takesMessages?: boolean;
  /** A better way to end it than SIGTERM; that is used when this rejects. */
  readonly end?: () => Promise<void>;
}

export type ComponentPhase = 'waiting' | 'starting' | 'running' | 'backing-off' | 'crash-loop' | 'stopped';

/** What the supervisor knows of a component at one moment. */
export interface ComponentStatus {
  readonly name: string;
  readonly phase: ComponentPhase;
  /** 0 when no process runs. */
  readonly pid: number;
  readonly restarts: number;
  /** Unix time in milliseconds; 0 when no process runs. */
  readonly startedMs: number;
  /** "exit code 1", "signal SIGKILL"; empty before the first end. */
  readonly lastExit: string;
  readonly ready: boolean;
  /** Why it is not ready; empty when it is. */
  readonly reason: string;
  /** The components that it relies on. */
  readonly after: readonly string[];
}

/** What lies behind a component's trouble besides other components, in words; undefined for nothing known. */
export type Background = (name: string) => string | undefined;

/** One component's part in why the node is not ready. */
export interface Cause {
  readonly name: string;
  /** What it says of itself, and after each `<-` what that comes from. */
  readonly chain: string;
  /** What the operator can do; undefined when the chain says all. */
  readonly remedy: string | undefined;
}

/**
 * Why the node is not ready: each component that is not, effects before their causes. Empty when all are.
 */
export function causesOf(
  statuses: readonly ComponentStatus[],
  background: Background = () => undefined,
): readonly Cause[] {
  const unready = new Set(statuses.filter((status) => !status.ready).map((status) => status.name));
  return statuses.toReversed().flatMap((status) => {
    if (status.ready) return [];
    const reason = status.reason === '' ? 'not ready' : status.reason;
    const blockers = status.after.filter((name) => unready.has(name));
    const links = [
      reason,
      ...(blockers.length > 0 ? [`${blockers.join(', ')} not ready`] : []),
      ...[background(status.name)].filter((text) => text !== undefined),
    ];
    // What only waits for another is mended there.
    const remedy = blockers.length > 0 ? undefined : remedyFor(reason, status.phase);
    return [{ name: status.name, chain: links.join(' <- '), remedy }];
  });
}

/** A cause in one line. */
export function renderCause({ name, chain, remedy }: Cause): string {
  return `${name}: ${chain}${remedy === undefined ? '' : ` (${remedy})`}`;
}
