import { describe, expect, it } from 'vitest';
import { GoRandom } from './go-random.ts';

describe('GoRandom', () => {
  it('gives the numbers that Go gives for a seed', () => {
    const random = new GoRandom(3957252814n);
    expect(Array.from({ length: 4 }, () => random.uint32())).toEqual([
      3217423002n,
      3224389328n,
      3819509332n,
      696161099n,
    ]);
  });

  it('takes every seed', () => {
    for (const seed of [0n, -1n, 2147483647n, 1n << 62n]) expect(new GoRandom(seed).below(1000n)).toBeLessThan(1000n);
  });

  it('draws from ranges of any size', () => {
    const random = new GoRandom(1n);
    expect(random.below(1n)).toBe(0n);
    const huge = 1n << 74n;
    const drawn = Array.from({ length: 50 }, () => random.below(huge));
    expect(drawn.every((value) => value < huge)).toBe(true);
    expect(drawn.some((value) => value > 1n << 70n)).toBe(true);
  });
});
