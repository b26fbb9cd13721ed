import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectDatastore, isDatastoreError, startSyncer, type Backend, type EtcdConfig } from '../src/index.ts';
import { freePort, startEtcd, type EtcdProcess } from '../src/testing/index.ts';

/*
 * A cluster of three members, of which any one may go at any moment.
 */

const directory = mkdtempSync(join(tmpdir(), 'calico-cluster-'));

let members: readonly EtcdProcess[] = [];
let config: EtcdConfig;

beforeAll(async () => {
  const names = ['m0', 'm1', 'm2'];
  const peers = await Promise.all(names.map(async () => `http://127.0.0.1:${await freePort()}`));
  const cluster = names.map((name, index) => `${name}=${peers[index]!}`).join(',');
  members = await Promise.all(
    names.map((name, index) =>
      startEtcd({
        dataDir: join(directory, name),
        args: [
          ...['--name', name, '--initial-cluster', cluster, '--heartbeat-interval', '50', '--election-timeout', '500'],
          ...['--listen-peer-urls', peers[index]!, '--initial-advertise-peer-urls', peers[index]!],
        ],
      }),
    ),
  );
  config = { type: 'etcdv3', endpoints: members.flatMap(({ endpoints }) => endpoints), tls: {} };
});

afterAll(async () => {
  await Promise.all(members.map((member) => member.stop()));
  rmSync(directory, { recursive: true, force: true });
});

/** Creates a key, as a careful writer does: where nobody knows whether it was written, it looks. */
async function createSurely(backend: Backend, key: string, value: string): Promise<void> {
  for (;;) {
    try {
      await backend.create(key, value);
      return;
    } catch (error) {
      if (isDatastoreError(error, 'already-exists') && error.current?.value === value) return;
      if (!isDatastoreError(error, 'unavailable')) throw error;
    }
  }
}

describe('three members', () => {
  it('lose no write and repeat none while each of them is killed in turn', async () => {
    const abort = new AbortController();
    const backend = connectDatastore(config, { signal: abort.signal });
    const seen: string[] = [];
    const { done } = startSyncer({
      backend,
      prefixes: ['/kill/'],
      signal: abort.signal,
      onBatch: ({ updates }) => {
        for (const { key } of updates) seen.push(key);
      },
    });
    const keys: string[] = [];
    const writeSome = async (round: number): Promise<void> => {
      for (let index = 0; index < 40; index++) {
        const key = `/kill/${round}-${String(index).padStart(2, '0')}`;
        keys.push(key);
        await createSurely(backend, key, key);
      }
    };
    try {
      for (const [round, member] of members.entries()) {
        const writing = writeSome(round);
        await member.kill9();
        await writing;
        await member.restart();
      }
      const { items } = await backend.list('/kill/');
      expect(items.map(({ key, value }) => [key, value])).toEqual(keys.map((key) => [key, key]));
      await expect.poll(() => seen.length, { timeout: 20_000 }).toBe(keys.length);
      expect(seen).toEqual(keys);
    } finally {
      abort.abort();
      await done;
    }
  });

  it('answer nothing while two are gone, and go on when one returns', async () => {
    const backend = connectDatastore(config);
    try {
      const [first, second] = members;
      await backend.put('/quorum/a', '1');
      await Promise.all([first!.kill9(), second!.kill9()]);
      const error = await backend.put('/quorum/a', '2', { timeoutMs: 2000 }).catch((reason: unknown) => reason);
      expect(isDatastoreError(error, 'unavailable')).toBe(true);
      await Promise.all([first!.restart(), second!.restart()]);
      await backend.put('/quorum/b', '3', { timeoutMs: 20_000 });
      expect((await backend.get('/quorum/b'))?.value).toBe('3');
    } finally {
      backend.close();
    }
  });
});
