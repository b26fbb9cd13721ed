import { setTimeout as delay } from 'node:timers/promises';

/** How long the process may do other things before it has to go on. */
const LIMIT_MS = 25;
/** What share of a millisecond other things take when there are none that matter. */
const QUIET = 0.2;

/**
 * Gives way to what has arrived from outside, such as the store's next changes: it comes in small parts, of which one turn
 * of the event loop takes one. Resolves once there is nothing more for now, after `LIMIT_MS` at the latest.
 */
export async function letIn(): Promise<void> {
  const until = performance.now() + LIMIT_MS;
  for (;;) {
    const before = performance.eventLoopUtilization();
    await delay(1);
    if (performance.eventLoopUtilization(before).utilization < QUIET || performance.now() > until) return;
  }
}
