/*
 * The store in a container, started with testcontainers where a Docker engine answers or can be started; else the same
 * tests with the machine's own etcd.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectDatastore, loadDatastoreConfig, Resources, startSyncer, type Backend } from '@calico-node/datastore';
import { startEtcd } from '@calico-node/datastore/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { containerProblem, type Engine, startEngine, startEtcdContainer } from '../src/containers/index.ts';

const problem = await containerProblem();
if (problem !== undefined) console.warn(`etcd as a local process instead of a container: ${problem}`);

/** An etcd of either sort. */
interface Store extends AsyncDisposable {
  readonly endpoint: string;
  /** Ends it and starts it again with its data. */
  restart(): Promise<void>;
}

const network = `cnt-etcd-${process.pid}`;

async function inContainer(dir: string): Promise<Store> {
  const engine: Engine = await startEngine(dir);
  await engine.ok('network', 'create', network);
  const etcd = await startEtcdContainer(engine, network);
  return {
    endpoint: etcd.endpoint,
    restart: () => etcd.container.restart({ timeout: 1000 }),
    [Symbol.asyncDispose]: async () => {
      await etcd[Symbol.asyncDispose]();
      await engine.docker('network', 'rm', network);
      await engine[Symbol.asyncDispose]();
    },
  };
}

async function asProcess(): Promise<Store> {
  const etcd = await startEtcd();
  return {
    endpoint: etcd.endpoints[0]!,
    restart: () => etcd.restart(),
    [Symbol.asyncDispose]: () => etcd.stop(),
  };
}

describe(`an etcd ${problem === undefined ? 'in a container' : 'of the machine'}`, () => {
  let dir: string;
  let store: Store;
  let backend: Backend;
  let resources: Resources;
  const pool = (name: string, cidr: string) =>
    ({ kind: 'IPPool', apiVersion: 'projectcalico.org/v3', metadata: { name }, spec: { cidr } }) as const;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'cnt-etcd-'));
    store = problem === undefined ? await inContainer(dir) : await asProcess();
    const env = { DATASTORE_TYPE: 'etcdv3', ETCD_ENDPOINTS: store.endpoint };
    backend = connectDatastore(loadDatastoreConfig({ env }));
    resources = new Resources(backend);
  });

  afterAll(async () => {
    (backend as Backend | undefined)?.close();
    await (store as Store | undefined)?.[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true, force: true });
  });

  test('takes resources, and refuses one that is there', async () => {
    await resources.ensureInitialized({ clusterType: 'test' });
    await resources.create(pool('one', '10.1.0.0/16'));
    expect((await resources.get('IPPool', 'one')).spec.cidr).toBe('10.1.0.0/16');
    await expect(resources.create(pool('one', '10.2.0.0/16'))).rejects.toMatchObject({ code: 'already-exists' });
  });

  test('is followed over its restart, and nothing is missed or told twice', async () => {
    const seen: string[] = [];
    let isInSync = false;
    const stop = new AbortController();
    const { done } = startSyncer({
      backend,
      prefixes: ['/calico/resources/v3/projectcalico.org/ippools/'],
      onBatch: (batch) => {
        seen.push(...batch.updates.map(({ key }) => key.split('/').at(-1)!));
        isInSync = batch.inSync;
      },
      signal: stop.signal,
    });
    try {
      await expect.poll(() => isInSync, { timeout: 10_000 }).toBe(true);
      await store.restart();
      await expect
        .poll(
          () =>
            resources.create(pool('two', '10.3.0.0/16')).then(
              () => true,
              () => false,
            ),
          { timeout: 20_000 },
        )
        .toBe(true);
      await expect.poll(() => seen, { timeout: 20_000 }).toEqual(['one', 'two']);
    } finally {
      stop.abort();
      await done;
    }
  });
});
