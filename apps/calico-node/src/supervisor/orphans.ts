import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Marks every child with the run directory of its node. A supervisor that was killed leaves children that
 * still serve the node's sockets; the next supervisor knows them by this mark, with no file that could be
 * stale or missing.
 */
export const orphanMark = 'CALICO_SUPERVISED_IN';

const limitMs = 5_000;

function environmentOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return []; // gone, or not ours to read
  }
}

/** The live processes that carry the mark of this run directory. */
export function findOrphans(runDir: string): readonly number[] {
  const mark = `${orphanMark}=${runDir}`;
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid && environmentOf(pid).includes(mark));
}

/**
 * Ends the processes that an earlier supervisor left and resolves when none is left. Call it only when no
 * supervisor serves this run directory. They get SIGKILL, not SIGTERM: it is the end that every process of
 * a node survives without loss, and BGP neighbours keep a dead speaker's routes but not those of one that
 * says goodbye.
 *
 * @returns the pids that were ended.
 */
export async function endOrphans(runDir: string): Promise<readonly number[]> {
  const ended = findOrphans(runDir);
  const deadline = Date.now() + limitMs;
  for (let left = ended; left.length > 0; left = findOrphans(runDir)) {
    if (Date.now() > deadline) {
      throw new Error(`processes of an earlier run cannot be ended: ${left.join(', ')}`);
    }
    for (const pid of left) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Already gone.
      }
    }
    await delay(10);
  }
  return ended;
}
