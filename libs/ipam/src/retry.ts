import { isDatastoreError } from '@calico-node/datastore';
import { IpamError } from './errors.ts';

/** How often a compare-and-swap is repeated, as Calico's IPAM does. */
const attempts = 100;

/** Thrown inside {@link retrying} to begin again without the store having said so. */
export class RetryNeeded extends Error {
  override readonly name = 'RetryNeeded';
}

/** The errors that mean that somebody else was faster. */
export function isRace(error: unknown): boolean {
  return error instanceof RetryNeeded || isDatastoreError(error, 'conflict', 'already-exists', 'not-found');
}

/**
 * Reads, computes and writes again until nobody came between. After a few attempts it waits a little,
 * at random, so that many allocators on one block get past each other; not so `at-once`, for an attempt that
 * begins from what the one before was told: waiting would make that old.
 * @throws IpamError `contention` after a hundred attempts; whatever else `attempt` throws.
 */
export async function retrying<T>(
  what: string,
  attempt: () => Promise<T>,
  pace: 'patiently' | 'at-once' = 'patiently',
): Promise<T> {
  let cause: unknown;
  for (let count = 0; count < attempts; count++) {
    try {
      return await attempt();
    } catch (error) {
      if (!isRace(error)) throw error;
      cause = error;
    }
    if (pace === 'patiently' && count >= 2) await pause(Math.random() * Math.min(50, 2 ** count));
  }
  throw new IpamError('contention', `gave up after ${attempts} attempts: ${what}`, { cause });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
