import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AdvertisementPace } from './advertisement-pace.ts';

let nowMs: number;
let due: number[];

const pace = (intervalMs: number): AdvertisementPace => {
  const made = new AdvertisementPace(intervalMs, { now: () => nowMs, random: () => 1 }, () =>
    due.push(...made.takeDue()),
  );
  return made;
};

const pass = (ms: number): void => {
  nowMs += ms;
  vi.advanceTimersByTime(ms);
};

beforeEach(() => {
  vi.useFakeTimers();
  nowMs = 0;
  due = [];
});

afterEach(() => {
  vi.useRealTimers();
});

describe('the pace of announcements', () => {
  it('lets every route go at once the first time, and holds what changes too soon', () => {
    const one = pace(1000);
    expect([one.admit(7), one.admit(8)]).toEqual([true, true]);
    pass(400);
    expect([one.admit(7), one.isHeld(7), one.isHeld(8)]).toEqual([false, true, false]);
    pass(599);
    expect(due).toEqual([]);
    pass(200);
    expect([due, one.isHeld(7)]).toEqual([[7], false]);
  });

  it('holds each for an interval of its own', () => {
    const one = pace(1000);
    one.admit(1);
    pass(600);
    one.admit(500);
    one.admit(1);
    one.admit(500);
    pass(500);
    expect([due, one.isHeld(500)]).toEqual([[1], true]);
    pass(700);
    expect(due).toEqual([1, 500]);
  });

  it('forgets what is withdrawn, but not when it was told', () => {
    const one = pace(1000);
    one.admit(1);
    one.admit(1);
    one.forget(1);
    pass(2000);
    expect(due).toEqual([]);
    one.told(1);
    one.forget(1);
    expect(one.admit(1)).toBe(false);
    one.close();
    pass(5000);
    expect(due).toEqual([]);
  });

  it('goes on when the clock of milliseconds begins anew', () => {
    nowMs = 2 ** 32 - 500;
    const one = pace(1000);
    one.admit(1);
    pass(700);
    expect(one.admit(1)).toBe(false);
    pass(400);
    expect(due).toEqual([1]);
  });
});
