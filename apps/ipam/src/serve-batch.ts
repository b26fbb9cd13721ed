import type { NodeAllocator, WarmOutcome, WarmRequest } from '@calico-node/ipam';
import type { Settled } from './work-queue.ts';

/** One call of the service. It keeps its own answer. */
export interface Work {
  /** What memory may serve; `accept` takes the outcome, or refuses it. */
  readonly warm: { readonly request: WarmRequest; readonly accept: (outcome: WarmOutcome) => boolean } | undefined;
  /** Reads everything it needs from the store. */
  readonly cold: () => Promise<void>;
}

/** Counts how calls were served. */
export type CountServed = (how: 'memory' | 'store') => void;

/**
 * Serves calls that came in together: one transaction for all that the node's own blocks can serve, then one
 * after another the rest, which may claim blocks and borrow.
 */
export async function serveBatch(
  allocator: Pick<NodeAllocator, 'serve' | 'forget'>,
  works: readonly Work[],
  count: CountServed,
): Promise<readonly Settled<undefined>[]> {
  const done = new Set<Work>();
  const warm = works.flatMap((work) => (work.warm === undefined ? [] : [{ work, ...work.warm }]));
  const outcomes = warm.length === 0 ? [] : await allocator.serve(warm.map(({ request }) => request));
  for (const [index, { work, accept }] of warm.entries()) {
    const outcome = outcomes[index];
    if (outcome === undefined || outcome.type === 'unserved' || !accept(outcome)) continue;
    count('memory');
    done.add(work);
  }
  const results: Settled<undefined>[] = [];
  for (const work of works) {
    let result: Settled<undefined> = { status: 'fulfilled', value: undefined };
    if (!done.has(work)) {
      count('store');
      try {
        await work.cold();
      } catch (reason) {
        result = { status: 'rejected', reason };
      }
      // It may have claimed, filled or released blocks.
      allocator.forget();
    }
    results.push(result);
  }
  return results;
}
