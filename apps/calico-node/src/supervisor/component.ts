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
  /** Where it answers `/readiness`; without one it is ready while it runs. */
  readonly readinessUrl?: string;
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
  readonly after: readonly string[];
}

/**
 * Why the node is not ready, in words: each component that is not, effects before their causes, with what
 * it says of itself and what it waits for.
 */
export function causesOf(statuses: readonly ComponentStatus[]): readonly string[] {
  const unready = new Set(statuses.filter((status) => !status.ready).map((status) => status.name));
  return statuses.toReversed().flatMap((status) => {
    if (status.ready) return [];
    const blockers = status.after.filter((name) => unready.has(name));
    const because = blockers.length > 0 ? ` <- ${blockers.join(', ')} not ready` : '';
    return [`${status.name}: ${status.reason === '' ? 'not ready' : status.reason}${because}`];
  });
}
