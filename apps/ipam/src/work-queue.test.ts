import { describe, expect, it } from 'vitest';
import { AbandonedError, QueueFullError, WorkQueue } from './work-queue.ts';

const never = new AbortController().signal;

describe('WorkQueue', () => {
  it('does one after another, in order, and goes on after a failure', async () => {
    const queue = new WorkQueue(10);
    const log: string[] = [];
    const work =
      (name: string, fails = false) =>
      async (): Promise<string> => {
        log.push(`${name} begins`);
        await Promise.resolve();
        log.push(`${name} ends`);
        if (fails) throw new Error(name);
        return name;
      };
    const results = await Promise.allSettled([
      queue.run(work('a'), never),
      queue.run(work('b', true), never),
      queue.run(work('c'), never),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
    expect(queue.length).toBe(0);
  });

  it('refuses more than its limit, and takes work again when some is done', async () => {
    const queue = new WorkQueue(2);
    const gate = Promise.withResolvers<undefined>();
    const first = queue.run(() => gate.promise, never);
    const second = queue.run(() => Promise.resolve(), never);
    await expect(queue.run(() => Promise.resolve(), never)).rejects.toThrow(QueueFullError);
    gate.resolve(undefined);
    await Promise.all([first, second]);
    await expect(queue.run(() => Promise.resolve('done'), never)).resolves.toBe('done');
  });

  it('drops work whose caller gave up while it waited', async () => {
    const queue = new WorkQueue(2);
    const gate = Promise.withResolvers<undefined>();
    const abort = new AbortController();
    const first = queue.run(() => gate.promise, never);
    let ran = false;
    const second = queue.run(() => {
      ran = true;
      return Promise.resolve();
    }, abort.signal);
    abort.abort();
    gate.resolve(undefined);
    await first;
    await expect(second).rejects.toThrow(AbandonedError);
    expect(ran).toBe(false);
  });
});
