/** A child that ran at least this long before it died is no sign of a crash loop. */
export const stableRunMs = 10_000;
const firstDelayMs = 250;
const longestDelayMs = 5_000;
/** From this many short runs in a row, the verdict is a crash loop. */
const crashLoopRuns = 5;

/** How often in a row a child died young. */
export interface RestartHistory {
  readonly shortRuns: number;
  /** When the first of them began, in the clock of `now`. */
  readonly sinceMs: number;
}

export interface RestartDecision {
  readonly history: RestartHistory;
  /** How long to wait before the next start. */
  readonly delayMs: number;
  readonly isCrashLoop: boolean;
}

export const noRestarts: RestartHistory = { shortRuns: 0, sinceMs: 0 };

/**
 * What to do after a child has died: the first restart at once, then after 250 ms, 500 ms and so on up to
 * 5 s; a run of at least ten seconds starts the count over.
 */
export function decideRestart(
  history: RestartHistory,
  run: { readonly startedMs: number; readonly endedMs: number },
): RestartDecision {
  if (run.endedMs - run.startedMs >= stableRunMs) return { history: noRestarts, delayMs: 0, isCrashLoop: false };
  const shortRuns = history.shortRuns + 1;
  return {
    history: { shortRuns, sinceMs: history.shortRuns === 0 ? run.startedMs : history.sinceMs },
    delayMs: shortRuns === 1 ? 0 : Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(shortRuns - 2, 10)),
    isCrashLoop: shortRuns >= crashLoopRuns,
  };
}
