import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { intervalElements, readIntervals } from './interval.ts';

const key = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 0xff);
const number = (bytes: Uint8Array): number => (bytes[0]! << 8) | bytes[1]!;

describe('interval elements', () => {
  it('end where the next key starts, and not at all at the highest key', () => {
    expect(intervalElements({ first: key(80), last: key(80) })).toEqual([
      { key: key(80) },
      { key: key(81), intervalEnd: true },
    ]);
    expect(intervalElements({ first: key(1000), last: key(0xffff) })).toEqual([{ key: key(1000) }]);
  });

  it('read back as the intervals that they were made of, in any order', () => {
    const boundaries = fc.uniqueArray(fc.integer({ min: 0, max: 0xffff }), { minLength: 2, maxLength: 40 });
    fc.assert(
      fc.property(boundaries, fc.boolean(), (numbers, touching) => {
        const sorted = numbers.sort((a, b) => a - b);
        const intervals = touching
          ? sorted.slice(1).map((end, index) => ({ first: key(sorted[index]!), last: key(end - 1) }))
          : sorted.flatMap((start, index) =>
              index % 2 === 0 && index + 1 < sorted.length
                ? [{ first: key(start), last: key(sorted[index + 1]!) }]
                : [],
            );
        // Neighbours of the disjoint case may touch too; either way no two overlap.
        const elements = intervals.flatMap(intervalElements).reverse();
        expect(readIntervals(elements).map(({ first, last }) => [number(first), number(last)])).toEqual(
          intervals.map(({ first, last }) => [number(first), number(last)]),
        );
      }),
    );
  });
});
