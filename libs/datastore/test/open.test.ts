import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectDatastore, loadDatastoreConfig, openDatastore, type Backend } from '../src/index.ts';
import { startEtcd, type EtcdProcess } from '../src/testing/index.ts';

let etcd: EtcdProcess;
let grpc: Backend;

beforeAll(async () => {
  etcd = await startEtcd();
  grpc = connectDatastore(loadDatastoreConfig({ env: env(etcd.endpoints) }));
});

afterAll(async () => {
  grpc.close();
  await etcd.stop();
});

function env(endpoints: readonly string[]): Record<string, string> {
  return { DATASTORE_TYPE: 'etcdv3', ETCD_ENDPOINTS: endpoints.join(',') };
}

/** A gateway that answers every request alike, and counts them. */
async function answering(
  status: number,
  body: string,
): Promise<{ server: Server; endpoint: string; count: () => number }> {
  let count = 0;
  const server = createServer((request, response) => {
    count += 1;
    request.resume().on('end', () => response.writeHead(status).end(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, count: () => count };
}

describe('a store opened for one command', () => {
  it('reads through the gateway what gRPC reads', async () => {
    const values = Array.from(
      { length: 4100 },
      (_, index) => [`/open/${String(index).padStart(4, '0')}`, `ünï ${index}`] as const,
    );
    for (let from = 0; from < values.length; from += 100) {
      await Promise.all(values.slice(from, from + 100).map(([key, value]) => grpc.put(key, value)));
    }
    const store = await openDatastore({ env: env(etcd.endpoints) });
    try {
      expect(await store.get('/open/0007')).toEqual(await grpc.get('/open/0007'));
      expect(await store.get('/open/none')).toBeUndefined();
      const list = await store.list('/open/');
      expect(list).toEqual(await grpc.list('/open/'));
      expect(list.items).toHaveLength(4100);
      const { revision } = await grpc.put('/open/0007', 'new');
      expect((await store.get('/open/0007', { revision: revision - 1n }))?.value).toBe('ünï 7');
      await grpc.put('/open/empty', '');
      expect((await store.get('/open/empty'))?.value).toBe('');
    } finally {
      store.close();
    }
  });

  it('writes, and reads on, by gRPC', async () => {
    const store = await openDatastore({ env: env(etcd.endpoints) });
    try {
      const created = await store.create('/open2/a', '1');
      const updated = await store.update('/open2/a', '2', created.revision);
      expect(await store.get('/open2/a')).toEqual(updated);
      await expect(store.update('/open2/a', '3', created.revision)).rejects.toMatchObject({ code: 'conflict' });
      expect(await store.delete('/open2/a', updated.revision)).toEqual(updated);
      expect((await store.list('/open2/')).items).toEqual([]);
    } finally {
      store.close();
    }
  });

  it.each([
    ['is switched off', 404, 'not found'],
    ['refuses', 401, '{"error":"auth"}'],
    ['answers nonsense', 200, '{"header":{}}'],
    ['answers no JSON', 200, '<html>'],
  ])('asks by gRPC when the gateway %s', async (_, status, body) => {
    const gateway = await answering(status, body);
    try {
      await grpc.put('/open3/a', 'x');
      const store = await openDatastore({ env: env([gateway.endpoint, ...etcd.endpoints]) });
      try {
        expect((await store.get('/open3/a'))?.value).toBe('x');
        expect((await store.list('/open3/')).items).toHaveLength(1);
        expect(gateway.count()).toBeGreaterThan(0);
      } finally {
        store.close();
      }
    } finally {
      gateway.server.closeAllConnections();
      gateway.server.close();
    }
  });

  it('says why it is not there, as gRPC does', async () => {
    const store = await openDatastore({ env: env(['http://127.0.0.1:1']) });
    await expect(store.get('/x', { timeoutMs: 1000 })).rejects.toMatchObject({ code: 'unavailable' });
    store.close();
    await expect(openDatastore({ env: { DATASTORE_TYPE: 'kubernetes' } })).rejects.toMatchObject({ code: 'config' });
  });
});
