import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Retry } from './retry.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('tries again soon, then ever later, and soon again after a success', () => {
  let tries = 0;
  const retry = new Retry(() => {
    tries += 1;
    retry.failed();
  }, 5000);
  retry.failed();
  retry.failed();
  vi.advanceTimersByTime(100);
  expect(tries).toBe(1);
  vi.advanceTimersByTime(60_000);
  expect(tries).toBeLessThan(60_000 / 2500 + 8);
  retry.succeeded();
  const before = tries;
  vi.advanceTimersByTime(60_000);
  expect(tries).toBe(before);
  retry.failed();
  vi.advanceTimersByTime(100);
  expect(tries).toBe(before + 1);
  retry[Symbol.dispose]();
  expect(vi.getTimerCount()).toBe(0);
});
