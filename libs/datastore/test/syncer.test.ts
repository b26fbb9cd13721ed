import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectDatastore, startSyncer, type Backend, type SyncerBatch } from '../src/index.ts';
import { startEtcd, startTcpProxy, type EtcdProcess } from '../src/testing/index.ts';
import { Etcd3 } from 'etcd3';

/** Waits until a value is as expected, long enough for a busy machine. */
const eventually = <T>(read: () => T) => expect.poll(read, { timeout: 20_000 });

/** Follows prefixes and keeps what a consumer would: the state, and every update in order. */
class Recorder {
  readonly state = new Map<string, string>();
  readonly batches: SyncerBatch[] = [];
  readonly connections: boolean[] = [];
  readonly #abort = new AbortController();
  readonly #backend: Backend;
  readonly #done: Promise<void>;

  constructor(endpoints: readonly string[], prefixes: readonly string[]) {
    this.#backend = connectDatastore(
      { type: 'etcdv3', endpoints, tls: {} },
      { watchTiming: { silenceMs: 300, acceptMs: 1000 } },
    );
    this.#done = startSyncer({
      backend: this.#backend,
      prefixes,
      inOrder: true,
      signal: this.#abort.signal,
      onConnection: ({ connected }) => this.connections.push(connected),
      onBatch: (batch) => {
        this.batches.push(batch);
        for (const { key, value } of batch.updates) {
          if (value === undefined) this.state.delete(key);
          else this.state.set(key, value);
        }
      },
    }).done;
  }

  get inSync(): boolean {
    return this.batches.at(-1)?.inSync ?? false;
  }

  /** The updates of all batches after the first `skip`. */
  updatesAfter(skip: number): string[] {
    return this.batches.slice(skip).flatMap((batch) => batch.updates.map(({ key, value }) => `${key}=${value ?? ''}`));
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#done;
    this.#backend.close();
  }
}

let etcd: EtcdProcess;
let backend: Backend;
const recorders: Recorder[] = [];

function follow(endpoint: string, ...prefixes: readonly string[]): Recorder {
  const recorder = new Recorder(endpoint.split(' '), prefixes);
  recorders.push(recorder);
  return recorder;
}

async function compact(): Promise<void> {
  const client = new Etcd3({ hosts: [...etcd.endpoints] });
  const { header } = await client.kv.range({ key: Buffer.from('x') });
  await client.kv.compact({ revision: header.revision, physical: true });
  client.close();
}

beforeEach(async () => {
  etcd = await startEtcd();
  backend = connectDatastore({ type: 'etcdv3', endpoints: etcd.endpoints, tls: {} });
});

afterEach(async () => {
  for (const recorder of recorders.splice(0)) await recorder.stop();
  backend.close();
  await etcd.stop();
});

describe('startSyncer', () => {
  it('gives a snapshot, the in-sync mark, then every change in revision order', async () => {
    await backend.put('/a/1', 'x');
    await backend.put('/b/1', 'y');
    await backend.put('/c/1', 'not followed');
    const recorder = follow(etcd.endpoints[0]!, '/a/', '/b/');
    await eventually(() => recorder.inSync).toBe(true);
    expect(recorder.updatesAfter(0)).toEqual(['/a/1=x', '/b/1=y']);
    await eventually(() => recorder.connections).toEqual([true]);
    await backend.put('/b/2', '1');
    await backend.put('/a/2', '2');
    await backend.delete('/b/1');
    await backend.put('/c/2', 'not followed');
    await backend.put('/a/2', '3');
    await eventually(() => recorder.state.get('/a/2')).toBe('3');
    expect(recorder.updatesAfter(1)).toEqual(['/b/2=1', '/a/2=2', '/b/1=', '/a/2=3']);
    const revisions = recorder.batches.map((batch) => batch.revision);
    expect(revisions).toEqual([...revisions].sort((a, b) => Number(a - b)));
  });

  it('gives changes of prefixes beside one another in revision order, however many at once', async () => {
    await using proxy = await startTcpProxy(etcd.port);
    const recorder = follow(`http://127.0.0.1:${proxy.port}`, '/t/a/', '/t/b/', '/t/c/');
    await eventually(() => recorder.connections).toEqual([true]);
    proxy.stall();
    const value = 'x'.repeat(4000);
    for (let at = 0; at < 1500; at += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, i) => backend.put(`/t/${'abc'[i % 3]!}/${at + i}`, value)));
    }
    await backend.put('/t/elsewhere', value);
    await backend.put('/t/c/last', value);
    proxy.heal();
    await eventually(() => recorder.state.has('/t/c/last')).toBe(true);
    const revisions = recorder.batches.flatMap(({ updates }) => updates.map(({ revision }) => revision));
    expect(revisions).toHaveLength(1501);
    expect(revisions).toEqual([...revisions].sort((a, b) => Number(a - b)));
  });

  it('goes on with each prefix where that stopped, when one was told further than another', async () => {
    const before = await backend.put('/a/1', 'x');
    await backend.put('/b/1', 'y');
    await backend.put('/t/a/1', 'x');
    const last = await backend.put('/t/b/1', 'y');
    const told = new Map([
      ['/a/', before.revision - 1n],
      ['/t/a/', before.revision],
    ]);
    const abort = new AbortController();
    const keys: string[] = [];
    const watch = backend.watch({
      prefixes: ['/a/', '/b/', '/t/a/', '/t/b/'],
      inOrder: true,
      fromRevision: last.revision + 1n,
      told,
      signal: abort.signal,
      onEvents: (events) => keys.push(...events.map(({ key }) => key)),
    });
    await eventually(() => [...keys].sort()).toEqual(['/a/1', '/t/a/1']);
    await eventually(() => told.get('/t/b/')).toBe(last.revision);
    expect(told.has('/b/')).toBe(false);
    abort.abort();
    await watch;
  });

  it('goes on behind what it was told that it has not missed', async () => {
    await using quick = await startEtcd({ args: ['--experimental-watch-progress-notify-interval', '200ms'] });
    const store = connectDatastore({ type: 'etcdv3', endpoints: quick.endpoints, tls: {} });
    const told = new Map<string, bigint>();
    const abort = new AbortController();
    const onEvents = (): never => expect.fail('nothing happens there');
    const watch = store.watch({ prefixes: ['/quiet/'], fromRevision: 1n, told, signal: abort.signal, onEvents });
    const { revision } = await store.put('/elsewhere', 'x');
    await eventually(() => told.get('/quiet/')).toBe(revision);
    abort.abort();
    await watch;
    store.close();
  });

  it.each(['snapshot', 'change'])(
    'ends with what the consumer throws at a %s, and delivers nothing more',
    async (at) => {
      await backend.put('/a/1', 'x');
      const abort = new AbortController();
      let batches = 0;
      const { done } = startSyncer({
        backend,
        prefixes: ['/a/'],
        signal: abort.signal,
        onBatch: () => {
          batches += 1;
          if (batches === (at === 'snapshot' ? 1 : 2)) throw new TypeError('not that');
        },
        onConnection: ({ connected }) => {
          if (connected) void backend.put('/a/2', 'y');
        },
      });
      await expect(done).rejects.toThrow(new TypeError('not that'));
      expect(batches).toBe(at === 'snapshot' ? 1 : 2);
      abort.abort();
    },
  );

  it('marks an empty store as in sync', async () => {
    const recorder = follow(etcd.endpoints[0]!, '/none/');
    await eventually(() => recorder.inSync).toBe(true);
    expect(recorder.updatesAfter(0)).toEqual([]);
  });

  it('goes on where it stopped when etcd was killed and restarted, and repeats nothing', async () => {
    await backend.put('/a/1', 'x');
    const recorder = follow(etcd.endpoints[0]!, '/a/');
    await eventually(() => recorder.connections).toEqual([true]);
    await etcd.kill9();
    await eventually(() => recorder.connections).toEqual([true, false]);
    await etcd.restart();
    await backend.put('/a/2', 'y');
    await eventually(() => recorder.state.get('/a/2')).toBe('y');
    expect(recorder.updatesAfter(1)).toEqual(['/a/2=y']);
    expect(recorder.connections).toEqual([true, false, true]);
  });

  it('emits only the difference when its revision was compacted away while it was cut off', async () => {
    await using proxy = await startTcpProxy(etcd.port);
    for (const name of ['keep', 'change', 'remove']) await backend.put(`/a/${name}`, '1');
    const recorder = follow(`http://127.0.0.1:${proxy.port}`, '/a/');
    await eventually(() => recorder.connections).toEqual([true]);
    const before = recorder.batches.length;
    proxy.stall();
    await backend.put('/a/change', '2');
    await backend.delete('/a/remove');
    await backend.put('/a/brief', '1');
    await backend.delete('/a/brief');
    await backend.put('/a/add', '1');
    await compact();
    await eventually(() => recorder.connections).toEqual([true, false]);
    proxy.heal();
    await eventually(() => recorder.state.get('/a/add')).toBe('1');
    expect(recorder.updatesAfter(before)).toEqual(['/a/remove=', '/a/change=2', '/a/add=1']);
    expect(recorder.batches.at(-1)?.inSync).toBe(true);
  });

  it('follows again after a stalled connection that nobody closed', async () => {
    await using proxy = await startTcpProxy(etcd.port);
    const recorder = follow(`http://127.0.0.1:${proxy.port}`, '/a/');
    await eventually(() => recorder.connections).toEqual([true]);
    proxy.stall();
    await backend.put('/a/1', 'x');
    await eventually(() => recorder.connections).toEqual([true, false]);
    proxy.heal();
    await eventually(() => recorder.state.get('/a/1')).toBe('x');
  });

  it('keeps a quiet watch alive', async () => {
    const recorder = follow(etcd.endpoints[0]!, '/a/');
    await eventually(() => recorder.connections).toEqual([true]);
    // Several silences long, by the clock of etcd's answers to our own pings.
    for (let ping = 0; ping < 6; ping++) await backend.get('/x', { timeoutMs: 5000 }).then(() => pause(200));
    expect(recorder.connections).toEqual([true]);
    await backend.put('/a/1', 'x');
    await eventually(() => recorder.state.get('/a/1')).toBe('x');
  });

  it('starts before etcd does', async () => {
    await etcd.kill9();
    const recorder = follow(etcd.endpoints[0]!, '/a/');
    await eventually(() => recorder.connections).toEqual([false]);
    await etcd.restart();
    await eventually(() => recorder.inSync).toBe(true);
  });

  it('takes everything anew when the store was replaced by an older one', async () => {
    for (let index = 0; index < 20; index++) await backend.put('/a/1', String(index));
    const recorder = follow(etcd.endpoints[0]!, '/a/');
    await eventually(() => recorder.connections).toEqual([true]);
    const { port } = etcd;
    await etcd.stop();
    etcd = await startEtcd({ port });
    await backend.put('/a/2', 'other');
    await eventually(() => [...recorder.state]).toEqual([['/a/2', 'other']]);
  });

  it('takes everything anew when another store has taken its place that is further on', async () => {
    await backend.put('/a/1', 'old');
    const recorder = follow(etcd.endpoints[0]!, '/a/');
    await eventually(() => recorder.connections).toEqual([true]);
    const { port } = etcd;
    await etcd.stop();
    const other = await startEtcd();
    const early = connectDatastore({ type: 'etcdv3', endpoints: other.endpoints, tls: {} });
    await early.put('/a/1', 'new at the same revision');
    for (let index = 0; index < 20; index++) await early.put('/elsewhere', String(index));
    early.close();
    etcd = other;
    await using _relay = await startTcpProxy(other.port, port);
    await eventually(() => recorder.state.get('/a/1')).toBe('new at the same revision');
  });

  it('goes to another endpoint when the one in use is cut off', async () => {
    await using proxy = await startTcpProxy(etcd.port);
    const recorder = follow(`http://127.0.0.1:${proxy.port} ${etcd.endpoints[0]!}`, '/a/');
    await eventually(() => recorder.connections).toEqual([true]);
    proxy.stall();
    await eventually(() => recorder.connections).toEqual([true, false, true]);
    await backend.put('/a/1', 'x');
    await eventually(() => recorder.state.get('/a/1')).toBe('x');
  });

  it('delivers 10000 keys and then 1000 changes to one of them without losing the last', async () => {
    const names = Array.from({ length: 10_000 }, (_, index) => `/a/${index}`);
    for (let start = 0; start < names.length; start += 500) {
      await Promise.all(names.slice(start, start + 500).map((name) => backend.put(name, 'v')));
    }
    const recorder = follow(etcd.endpoints[0]!, '/a/');
    await eventually(() => recorder.inSync).toBe(true);
    expect(recorder.state.size).toBe(10_000);
    for (let value = 0; value < 1000; value += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, index) => backend.put('/a/7', String(value + index))));
    }
    const last = await backend.put('/a/7', 'last');
    await eventually(() => recorder.batches.at(-1)?.revision).toBe(last.revision);
    expect(recorder.state.get('/a/7')).toBe('last');
  });
});

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
