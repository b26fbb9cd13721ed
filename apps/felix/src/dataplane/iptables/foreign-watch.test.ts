import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ForeignWatch } from './foreign-watch.ts';

let state = 'a';
let looks = 0;
let changes = 0;
let watch: ForeignWatch;

beforeEach(() => {
  vi.useFakeTimers();
  [state, looks, changes] = ['a', 0, 0];
  watch = new ForeignWatch(
    () => {
      looks += 1;
      if (state === 'unknown') throw new Error('the kernel does not say');
      return state;
    },
    () => {
      changes += 1;
    },
  );
  vi.advanceTimersByTime(600);
});

afterEach(() => {
  watch.stop();
  vi.useRealTimers();
});

test('tells of each change within a second, and once', () => {
  for (const next of ['b', 'c']) {
    state = next;
    vi.advanceTimersByTime(1000);
  }
  expect(changes).toBe(2);
  vi.advanceTimersByTime(10_000);
  expect(changes).toBe(2);
});

test('takes what is written between pause and resume for ours', () => {
  watch.pause();
  state = 'b';
  vi.advanceTimersByTime(2000);
  state = 'c';
  watch.resume();
  vi.advanceTimersByTime(10);
  expect(changes).toBe(0);
  state = 'd';
  vi.advanceTimersByTime(1000);
  expect(changes).toBe(1);
});

test('looks less and less often while what it sees is none of our concern, up to every 16 s', () => {
  for (let turn = 0; turn < 8; turn++) {
    state = `foreign ${turn}`;
    vi.advanceTimersByTime(17_000);
    expect(changes).toBe(turn + 1);
    watch.judge(false);
  }
  looks = 0;
  vi.advanceTimersByTime(64_000);
  expect(looks).toBeLessThanOrEqual(5);
  state = 'ours';
  vi.advanceTimersByTime(17_000);
  watch.judge(true);
  vi.advanceTimersByTime(17_000);
  looks = 0;
  vi.advanceTimersByTime(10_000);
  expect(looks).toBeGreaterThan(15);
});

test('a look that fails tells of nothing, and later ones go on', () => {
  state = 'unknown';
  vi.advanceTimersByTime(2000);
  state = 'a';
  vi.advanceTimersByTime(2000);
  expect(changes).toBe(0);
  state = 'b';
  vi.advanceTimersByTime(1000);
  expect(changes).toBe(1);
});

test('looks no more once it is stopped', () => {
  watch.stop();
  const before = looks;
  vi.advanceTimersByTime(10_000);
  expect(looks).toBe(before);
});
