import type { Kind } from '@calico-node/model';
import { describeError } from '../describe-error.ts';
import type { Outcome } from './outcome.ts';

/**
 * Does something with one resource after another, in their order, since later ones may depend on earlier ones
 * (a policy on its tier). A failure does not keep the rest from being done.
 */
export async function runAll<R extends { readonly kind: Kind }>(
  items: readonly R[],
  one: (item: R) => Promise<void>,
): Promise<Outcome> {
  const errors: string[] = [];
  let handled = 0;
  for (const item of items) {
    try {
      await one(item);
      handled += 1;
    } catch (error) {
      errors.push(describeError(error));
    }
  }
  const kinds = new Set(items.map((item) => item.kind));
  return { total: items.length, handled, kind: kinds.size === 1 ? items[0]?.kind : undefined, errors };
}
