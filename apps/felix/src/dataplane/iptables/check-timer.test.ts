import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CheckTimer } from './check-timer.ts';

let checks: number[];
let start: number;
const note = (): void => {
  checks.push((Date.now() - start) / 1000);
};

beforeEach(() => {
  vi.useFakeTimers();
  start = Date.now();
  checks = [];
});

afterEach(() => {
  vi.useRealTimers();
});

test('checks soon after a write, then after twice as long each time, until the refresh is enough', () => {
  const timer = new CheckTimer(5, 60, note);
  timer.restart();
  vi.advanceTimersByTime(1_000_000);
  expect(checks).toEqual([5, 15, 35, 75]);
  timer.stop();
});

test('begins anew with each write', () => {
  const timer = new CheckTimer(5, 60, note);
  timer.restart();
  vi.advanceTimersByTime(4000);
  timer.restart();
  vi.advanceTimersByTime(5000);
  expect(checks).toEqual([9]);
  timer.stop();
});

test('checks once for all that others write in a moment, whatever is written meanwhile', () => {
  const timer = new CheckTimer(5, 60, note);
  timer.soon(200);
  vi.advanceTimersByTime(100);
  timer.soon(200);
  timer.restart();
  vi.advanceTimersByTime(100);
  expect(checks).toEqual([0.2]);
  timer.stop();
  timer.soon(200);
  vi.advanceTimersByTime(1000);
  expect(checks).toEqual([0.2]);
});
