import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@calico-node/service';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  followObjects,
  KubernetesClient,
  readKubeconfig,
  type FollowedObjects,
  type FollowOptions,
} from '../src/index.ts';
import { KubernetesApi } from '../src/testing/kubernetes-api.ts';

const PATH = '/api/v1/services';

let directory: string;
let stop: AbortController;
let clients: KubernetesClient[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'calico-kubernetes-'));
  stop = new AbortController();
  clients = [];
});

afterEach(() => {
  stop.abort();
  for (const client of clients) client.close();
  rmSync(directory, { recursive: true });
});

function clientOf(api: KubernetesApi): KubernetesClient {
  const client = new KubernetesClient(readKubeconfig(api.writeKubeconfig(join(directory, 'kubeconfig'))));
  clients.push(client);
  return client;
}

function follow(client: KubernetesClient, options: Partial<FollowOptions> = {}): FollowedObjects {
  const log = createLogger('test', 'fatal');
  return followObjects(client, PATH, { onChange: () => undefined, log, signal: stop.signal, ...options });
}

const service = (name: string) => ({ metadata: { namespace: 'shop', name } });

it('has all pages of a list, and then each change as it comes', async () => {
  await using api = await KubernetesApi.start();
  for (let n = 0; n < 1201; n += 1) api.set(PATH, service(`s${n}`));
  const changes: string[] = [];
  const followed = follow(clientOf(api), {
    keep: () => ({}),
    onObject: (id, object) => {
      changes.push(`${object === undefined ? '-' : '+'}${id}`);
    },
  });
  await expect.poll(() => followed.state).toBe('listed');
  expect(followed.objects.size).toBe(1201);
  expect(changes).toHaveLength(1201);
  await expect.poll(() => api.watchers).toBe(1);
  api.set(PATH, service('new'));
  api.delete(PATH, service('s7'));
  await expect.poll(() => changes.slice(1201)).toEqual(['+shop/new', '-shop/s7']);
  expect([...followed.objects.values()].every((object) => Object.keys(object).length === 0)).toBe(true);
});

it('tells the difference alone when it lists anew', async () => {
  await using api = await KubernetesApi.start();
  for (const name of ['same', 'old']) api.set(PATH, service(name));
  const changes: string[] = [];
  const followed = follow(clientOf(api), {
    onObject: (id, object) => {
      changes.push(`${object === undefined ? '-' : '+'}${id}`);
    },
  });
  await expect.poll(() => api.watchers).toBe(1);
  changes.length = 0;
  api.endWatches(() => {
    api.delete(PATH, service('old'));
    api.set(PATH, service('young'));
  });
  await expect.poll(() => changes).toEqual(['+shop/young', '-shop/old']);
  expect([...followed.objects.keys()]).toEqual(['shop/same', 'shop/young']);
});

it('says that it may not list', async () => {
  await using api = await KubernetesApi.start();
  api.refuses = true;
  const followed = follow(clientOf(api));
  await expect.poll(() => followed.state).toBe('refused');
  expect(followed.wasAnswered).toBe(true);
});
