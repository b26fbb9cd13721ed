import { describe, expect, test } from 'vitest';
import { RevisionLog } from './revision-log.ts';

const never = new AbortController().signal;

describe('RevisionLog', () => {
  test('tells when a revision was first in the kernel', () => {
    const log = new RevisionLog();
    log.record(10n, 1000n);
    log.record(12n, 2000n);
    expect([10n, 11n, 12n, 13n].map((revision) => log.appliedAt(revision))).toEqual([1000n, 2000n, 2000n, undefined]);
  });

  test('keeps the first time when an apply brings nothing newer', () => {
    const log = new RevisionLog();
    log.record(10n, 1000n);
    log.record(10n, 5000n);
    expect(log.appliedAt(10n)).toBe(1000n);
  });

  test('answers with the oldest time that it knows for what it has forgotten', () => {
    const log = new RevisionLog(2);
    for (const [revision, at] of [
      [1n, 1n],
      [2n, 2n],
      [3n, 3n],
    ] as const)
      log.record(revision, at);
    expect(log.appliedAt(1n)).toBe(2n);
  });

  test('wakes those who wait for a revision or an earlier one, and nobody else', async () => {
    const log = new RevisionLog();
    const woken: string[] = [];
    const abort = new AbortController();
    const waits = [
      log.reached(5n, never).then(() => woken.push('five')),
      log.reached(9n, abort.signal).then(() => woken.push('nine')),
    ];
    log.record(5n, 1n);
    await waits[0];
    expect(woken).toEqual(['five']);
    abort.abort();
    await waits[1];
    await log.reached(5n, never);
  });

  test('revision 0 is in once anything is', async () => {
    const log = new RevisionLog();
    expect(log.appliedAt(0n)).toBeUndefined();
    log.record(0n, 7n);
    await log.reached(0n, never);
    expect(log.appliedAt(0n)).toBe(7n);
  });
});
