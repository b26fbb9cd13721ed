import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Flaps } from './flaps.ts';

const dampening = { flaps: 2, stableSeconds: 60, maximumSeconds: 30 };

describe('a flapping session', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('is kept down after as many flaps as are forgiven, longer each time, up to a limit', () => {
    const flaps = new Flaps();
    const left = [1, 2, 3, 4, 5, 6, 7].map(() => {
      flaps.ended(1000, dampening);
      return flaps.leftSeconds(dampening);
    });
    expect(left).toEqual([0, 0, 5, 10, 20, 30, 30]);
    vi.advanceTimersByTime(30_000);
    expect(flaps.leftSeconds(dampening)).toBe(0);
  });

  it('is forgiven when it has lasted', () => {
    const flaps = new Flaps();
    for (let count = 0; count < 2; count++) flaps.ended(1000, dampening);
    flaps.ended(60_000, dampening);
    flaps.ended(1000, dampening);
    expect(flaps.leftSeconds(dampening)).toBe(0);
  });

  it('is not kept down where that is not configured', () => {
    const flaps = new Flaps();
    for (let count = 0; count < 10; count++) flaps.ended(1000, undefined);
    expect(flaps.leftSeconds(undefined)).toBe(0);
  });
});
