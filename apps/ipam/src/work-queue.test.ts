import { describe, expect, it } from 'vitest';
import { AbandonedError, QueueFullError, WorkQueue, type Settled } from './work-queue.ts';

const never = new AbortController().signal;

/** A queue whose batches end when the test says so. */
function queueOf(options: { limit?: number; batchSize?: number } = {}) {
  const batches: string[][] = [];
  const gates: PromiseWithResolvers<undefined>[] = [];
  const queue = new WorkQueue<string, string>({
    limit: 10,
    batchSize: 10,
    keyOf: (request) => request.split('.')[1],
    serve: async (requests) => {
      batches.push([...requests]);
      const gate = Promise.withResolvers<undefined>();
      gates.push(gate);
      await gate.promise;
      return requests.map((request): Settled<string> =>
        request.startsWith('bad')
          ? { status: 'rejected', reason: new Error(request) }
          : { status: 'fulfilled', value: request.toUpperCase() },
      );
    },
    ...options,
  });
  const begun = (count: number): Promise<void> => expect.poll(() => batches.length).toBe(count);
  return { queue, batches, gates, begun };
}

describe('WorkQueue', () => {
  it('does together what arrives together, and what arrives meanwhile next', async () => {
    const { queue, batches, gates, begun } = queueOf({ batchSize: 2 });
    const first = Promise.allSettled(['a', 'bad', 'c'].map((name) => queue.run(name, never)));
    await begun(1);
    const second = queue.run('d', never);
    gates[0]!.resolve(undefined);
    await begun(2);
    gates[1]!.resolve(undefined);
    const results = [...(await first), ...(await Promise.allSettled([second]))];
    expect(batches).toEqual([
      ['a', 'bad'],
      ['c', 'd'],
    ]);
    expect(results.map((result) => (result.status === 'fulfilled' ? result.value : result.status))).toEqual([
      'A',
      'rejected',
      'C',
      'D',
    ]);
    expect(queue.length).toBe(0);
  });

  it('never does two requests of one key together, and keeps their order', async () => {
    const { queue, batches, gates, begun } = queueOf();
    const all = ['give.h', 'take.h', 'give.i'].map((name) => queue.run(name, never));
    await begun(1);
    gates[0]!.resolve(undefined);
    await begun(2);
    gates[1]!.resolve(undefined);
    await Promise.all(all);
    expect(batches).toEqual([['give.h', 'give.i'], ['take.h']]);
  });

  it('refuses more than its limit, and takes work again when some is done', async () => {
    const { queue, gates, begun } = queueOf({ limit: 2 });
    const both = [queue.run('a', never), queue.run('b', never)];
    await expect(queue.run('c', never)).rejects.toThrow(QueueFullError);
    await begun(1);
    gates[0]!.resolve(undefined);
    await Promise.all(both);
    const again = queue.run('d', never);
    await begun(2);
    gates[1]!.resolve(undefined);
    await expect(again).resolves.toBe('D');
  });

  it('drops what was given up while it waited', async () => {
    const { queue, batches, gates, begun } = queueOf();
    const abort = new AbortController();
    const first = queue.run('a', never);
    await begun(1);
    const second = queue.run('b', abort.signal);
    abort.abort();
    gates[0]!.resolve(undefined);
    await first;
    await expect(second).rejects.toThrow(AbandonedError);
    expect(batches).toEqual([['a']]);
  });

  it('fails a batch as a whole when it cannot be served, and goes on', async () => {
    const { queue, gates, begun } = queueOf();
    const first = queue.run('a', never);
    await begun(1);
    gates[0]!.reject(new Error('the store is away'));
    await expect(first).rejects.toThrow('the store is away');
    const second = queue.run('b', never);
    await begun(2);
    gates[1]!.resolve(undefined);
    await expect(second).resolves.toBe('B');
  });

  it('has something else done when nothing waits, and lets what comes meanwhile wait for it', async () => {
    const idle = Promise.withResolvers<undefined>();
    const done: string[] = [];
    const queue = new WorkQueue<string, undefined>({
      limit: 10,
      batchSize: 1,
      keyOf: () => undefined,
      serve: (requests) => {
        done.push(...requests);
        return Promise.resolve(requests.map(() => ({ status: 'fulfilled', value: undefined })));
      },
      whenIdle: async () => {
        done.push('idle');
        await idle.promise;
      },
    });
    await Promise.all([queue.run('a', never), queue.run('b', never)]);
    const late = queue.run('c', never);
    await expect.poll(() => done).toEqual(['a', 'b', 'idle']);
    idle.resolve(undefined);
    await late;
    expect(done.slice(0, 4)).toEqual(['a', 'b', 'idle', 'c']);
  });
});
