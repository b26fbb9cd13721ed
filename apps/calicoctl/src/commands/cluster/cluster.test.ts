import { describe, expect, it } from 'vitest';
import { orderedNodes, readClusterDiagsFlags } from './diags-options.ts';
import { inParallel } from './in-parallel.ts';

const flags = { maxLogs: '5', maxParallelism: '10' };

describe('the flags of cluster diags', () => {
  it('are read', () => {
    expect(readClusterDiagsFlags({ ...flags, since: '10m', focusNodes: 'b,a' })).toEqual({
      maxNodes: 5,
      parallelism: 10,
      focusNodes: ['b', 'a'],
      keepsDirectory: false,
      hasSince: true,
    });
  });

  it.each([{ since: '10' }, { since: '-5s' }, { maxLogs: '-1' }, { maxLogs: 'x' }, { maxParallelism: '0' }])(
    'may not be %j',
    (bad) => {
      expect(() => readClusterDiagsFlags({ ...flags, ...bad })).toThrow(/invalid/);
    },
  );
});

it('puts the nodes in focus first, each node once', () => {
  expect(orderedNodes(['a', 'b', 'c'], ['c', 'x'])).toEqual(['c', 'x', 'a', 'b']);
});

describe('tasks in parallel', () => {
  it('are run once each, so many at a time', async () => {
    let running = 0;
    let most = 0;
    const done: number[] = [];
    const tasks = Array.from({ length: 20 }, (_, index) => async () => {
      most = Math.max(most, ++running);
      await Promise.resolve();
      running -= 1;
      done.push(index);
    });
    await inParallel(tasks, 3);
    expect(most).toBe(3);
    expect(done.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index));
  });

  it('fail with the first that fails', async () => {
    const fails = (): Promise<void> => Promise.reject(new Error('no'));
    await expect(inParallel([() => Promise.resolve(), fails], 2)).rejects.toThrow('no');
  });
});
