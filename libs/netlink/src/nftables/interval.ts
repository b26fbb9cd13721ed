import type { ElementKey } from './element.ts';

/** From `first` to `last`, both included; keys of the same length in network order. */
export interface Interval {
  readonly first: Uint8Array;
  readonly last: Uint8Array;
}

/**
 * The elements by which an interval set holds an interval: its start, and what comes after its end. An
 * interval up to the highest key has no second element.
 */
export function intervalElements({ first, last }: Interval): ElementKey[] {
  const next = addOne(last, 1);
  return next === undefined ? [{ key: first }] : [{ key: first }, { key: next, intervalEnd: true }];
}

/** The intervals that a set's elements stand for, in key order. */
export function readIntervals(elements: readonly ElementKey[]): Interval[] {
  const sorted = [...elements].sort(
    // An end before the start at the same key: the intervals touch.
    (a, b) => Buffer.compare(a.key, b.key) || Number(b.intervalEnd ?? false) - Number(a.intervalEnd ?? false),
  );
  const intervals: Interval[] = [];
  let first: Uint8Array | undefined;
  for (const { key, intervalEnd } of sorted) {
    if (first !== undefined) intervals.push({ first, last: addOne(key, -1) ?? key });
    first = intervalEnd === true ? undefined : key;
  }
  if (first !== undefined) intervals.push({ first, last: new Uint8Array(first.length).fill(0xff) });
  return intervals;
}

/** The key one above or below; `undefined` past the highest and below the lowest. */
function addOne(key: Uint8Array, step: 1 | -1): Uint8Array | undefined {
  const sum = Uint8Array.from(key);
  const overflowing = step === 1 ? 0xff : 0;
  for (let index = sum.length - 1; index >= 0; index--) {
    const byte = sum[index] ?? 0;
    sum[index] = byte + step;
    if (byte !== overflowing) return sum;
  }
  return undefined;
}
