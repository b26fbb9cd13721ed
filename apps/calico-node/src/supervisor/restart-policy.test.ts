import { describe, expect, test } from 'vitest';
import { decideRestart, noRestarts, type RestartDecision } from './restart-policy.ts';

/** The decisions after runs of the given lengths, one right after the other. */
function after(...lengthsMs: readonly number[]): RestartDecision[] {
  let history = noRestarts;
  let now = 1000;
  return lengthsMs.map((length) => {
    const run = { startedMs: now, endedMs: now + length };
    now += length;
    const decision = decideRestart(history, run);
    history = decision.history;
    return decision;
  });
}

describe('restarting', () => {
  test('is immediate the first time', () => {
    expect(after(5)[0]).toMatchObject({ delayMs: 0, isCrashLoop: false });
  });

  test('backs off from 250 ms to 5 s while runs stay short', () => {
    expect(after(...Array<number>(10).fill(1)).map((decision) => decision.delayMs)).toEqual([
      0, 250, 500, 1000, 2000, 4000, 5000, 5000, 5000, 5000,
    ]);
  });

  test('is called a crash loop from the fifth short run on', () => {
    expect(after(1, 1, 1, 1, 1, 1).map((decision) => decision.isCrashLoop)).toEqual([
      false,
      false,
      false,
      false,
      true,
      true,
    ]);
  });

  test('starts over after a long run', () => {
    expect(after(1, 1, 1, 60_000, 1, 1).map((decision) => decision.delayMs)).toEqual([0, 250, 500, 0, 0, 250]);
  });

  test('remembers when the short runs began', () => {
    expect(after(60_000, 1, 1)[2]?.history).toEqual({ shortRuns: 2, sinceMs: 61_000 });
  });
});
