import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  connectDatastore,
  isDatastoreError,
  type Backend,
  type CommitResult,
  type DatastoreConfig,
  type Guard,
} from '../src/index.ts';
import { freePort, startEtcd, startTcpProxy, type EtcdProcess } from '../src/testing/index.ts';

/** Waits until a value is as expected, long enough for a busy machine. */
const eventually = <T>(read: () => T) => expect.poll(read, { timeout: 20_000 });

function configFor(...endpoints: readonly string[]): DatastoreConfig {
  return { type: 'etcdv3', endpoints, tls: {} };
}

let etcd: EtcdProcess;
let backend: Backend;

beforeAll(async () => {
  etcd = await startEtcd();
  backend = connectDatastore(configFor(...etcd.endpoints));
});

afterAll(async () => {
  backend.close();
  await etcd.stop();
});

/** The code of the error that a promise rejects with. */
async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return isDatastoreError(error) ? error.code : `not a DatastoreError: ${String(error)}`;
}

describe('compare-and-swap', () => {
  it('creates a key once and tells the second creator what is there', async () => {
    const created = await backend.create('/t/create', 'one');
    expect(await backend.get('/t/create')).toEqual(created);
    const error = await backend.create('/t/create', 'two').catch((reason: unknown) => reason);
    expect(isDatastoreError(error, 'already-exists') && error.current).toEqual(created);
  });

  it('updates only at the expected revision', async () => {
    const first = await backend.create('/t/update', 'one');
    const second = await backend.update('/t/update', 'two', first.revision);
    expect(second.revision).toBeGreaterThan(first.revision);
    const error = await backend.update('/t/update', 'three', first.revision).catch((reason: unknown) => reason);
    expect(isDatastoreError(error, 'conflict') && error.current).toEqual(second);
    expect(await codeOf(backend.update('/t/none', 'x', 1n))).toBe('not-found');
  });

  it('deletes only at the expected revision, and gives what was deleted', async () => {
    const first = await backend.put('/t/delete', 'one');
    const second = await backend.put('/t/delete', 'two');
    expect(await codeOf(backend.delete('/t/delete', first.revision))).toBe('conflict');
    expect(await backend.delete('/t/delete', second.revision)).toEqual(second);
    expect(await codeOf(backend.delete('/t/delete', second.revision))).toBe('not-found');
    expect(await codeOf(backend.delete('/t/delete'))).toBe('not-found');
    expect(await backend.get('/t/delete')).toBeUndefined();
  });

  it('lets exactly one of many simultaneous writers win', async () => {
    const start = await backend.create('/t/race', 'start');
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, writer) => backend.update('/t/race', String(writer), start.revision)),
    );
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
  });
});

describe('a commit', () => {
  const commit = (...args: Parameters<NonNullable<Backend['commit']>>): Promise<CommitResult> =>
    backend.commit!(...args);

  it('makes all changes as one revision while its guards hold', async () => {
    const old = await backend.put('/c/old', 'x');
    const result = await commit({
      guards: [
        { type: 'key', key: '/c/old', revision: old.revision },
        { type: 'key', key: '/c/new', revision: 0n },
        { type: 'prefix', prefix: '/c/', unchangedSince: old.revision },
        { type: 'prefix', prefix: '/c/nothing/', unchangedSince: 0n },
      ],
      changes: [
        { type: 'delete', key: '/c/old' },
        { type: 'put', key: '/c/new', value: 'y' },
        { type: 'put', key: '/c/more', value: 'z' },
      ],
    });
    const { items } = await backend.list('/c/');
    expect(items.map(({ key, value }) => [key, value])).toEqual([
      ['/c/more', 'z'],
      ['/c/new', 'y'],
    ]);
    expect(result).toEqual({ isCommitted: true, revision: items[0]!.revision });
  });

  it.each<[string, (revision: bigint) => Guard]>([
    ['a key was written', (revision) => ({ type: 'key', key: '/g/there', revision: revision - 1n })],
    ['a key is there that must not be', () => ({ type: 'key', key: '/g/there', revision: 0n })],
    ['a key is gone', (revision) => ({ type: 'key', key: '/g/gone', revision })],
    ['a key of a prefix is newer', (revision) => ({ type: 'prefix', prefix: '/g/', unchangedSince: revision - 1n })],
  ])('changes nothing when %s, and tells what there is', async (_, guardFor) => {
    const there = await backend.put('/g/there', 'x');
    const result = await commit({
      guards: [guardFor(there.revision)],
      changes: [{ type: 'put', key: '/g/never', value: 'y' }],
      otherwiseRead: ['/g/there', '/g/gone'],
    });
    expect(result).toEqual({ isCommitted: false, current: new Map([['/g/there', there]]) });
    expect(await backend.get('/g/never')).toBeUndefined();
  });
});

describe('reading', () => {
  it('reads a key and a list as they were at an earlier revision', async () => {
    const old = await backend.put('/h/a', 'old');
    await backend.put('/h/a', 'new');
    await backend.put('/h/b', 'later');
    expect((await backend.get('/h/a', { revision: old.revision }))?.value).toBe('old');
    const list = await backend.list('/h/', { revision: old.revision });
    expect(list).toMatchObject({ items: [old], revision: old.revision });
    expect(await codeOf(backend.get('/h/a', { revision: old.revision + 1000n }))).toBe('compacted');
  });

  it('lists 10000 keys in key order as of one revision', async () => {
    const names = Array.from({ length: 10_000 }, (_, index) => `/many/${String(index).padStart(5, '0')}`);
    for (let start = 0; start < names.length; start += 500) {
      await Promise.all(names.slice(start, start + 500).map((name) => backend.put(name, name)));
    }
    const { items } = await backend.list('/many/');
    expect(items.map((item) => item.key)).toEqual(names);
  });

  it('keeps the key for no longer than its time to live', async () => {
    await backend.put('/ttl/a', 'x', { ttlSeconds: 1 });
    await eventually(() => backend.get('/ttl/a')).toBeUndefined();
  });
});

describe('a store that does not answer', () => {
  it('fails with unavailable when nobody listens', async () => {
    const lonely = connectDatastore(configFor(`http://127.0.0.1:${await freePort()}`));
    expect(await codeOf(lonely.get('/x'))).toBe('unavailable');
    lonely.close();
  });

  it('ends a call at its time limit and at its signal when the connection is stalled, and recovers', async () => {
    await using proxy = await startTcpProxy(etcd.port);
    const stalled = connectDatastore(configFor(`http://127.0.0.1:${proxy.port}`));
    await stalled.put('/stall/a', 'x');
    proxy.stall();
    expect(await codeOf(stalled.get('/stall/a', { timeoutMs: 300 }))).toBe('unavailable');
    expect(await codeOf(stalled.get('/stall/a', { signal: AbortSignal.timeout(50) }))).toBe('unavailable');
    proxy.heal();
    await eventually(async () =>
      stalled
        .get('/stall/a', { timeoutMs: 1000 })
        .then((found) => found?.value)
        .catch(() => undefined),
    ).toBe('x');
    stalled.close();
  });

  it('goes to another endpoint when one is down', async () => {
    const dead = `http://127.0.0.1:${await freePort()}`;
    const pair = connectDatastore(configFor(dead, ...etcd.endpoints));
    await pair.put('/failover/a', 'x');
    expect((await pair.get('/failover/a'))?.value).toBe('x');
    pair.close();
  });

  it('works again at once when etcd was killed and restarted on its data', async () => {
    await backend.put('/restart/a', 'x');
    await etcd.kill9();
    expect(await codeOf(backend.get('/restart/a'))).toBe('unavailable');
    await etcd.restart();
    expect((await backend.get('/restart/a'))?.value).toBe('x');
  });
});
