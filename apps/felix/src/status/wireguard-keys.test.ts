import { DatastoreError } from '@calico-node/datastore';
import type { Node, Resource } from '@calico-node/model';
import { parseNodeName, wireguardKeyFromBytes } from '@calico-node/net';
import { createLogger } from '@calico-node/service';
import { expect, test, vi } from 'vitest';
import { WireguardKeys } from './wireguard-keys.ts';

const [first, second] = [1, 2].map((fill) => wireguardKeyFromBytes(new Uint8Array(32).fill(fill)));
const log = createLogger('test', 'silent');

/** A store of one Node, as far as this matters; the first update of somebody who read before `interfere` conflicts. */
class Store {
  node: Node;
  writes = 0;
  #revision = 1;

  constructor(status: Node['status']) {
    const metadata = { name: 'node1', resourceVersion: '1' };
    this.node = { kind: 'Node', apiVersion: 'projectcalico.org/v3', metadata, spec: {}, status };
  }

  interfere(): void {
    this.#bump();
  }

  get = (): Promise<never> => Promise.resolve(this.node as never);

  update = (wanted: Resource): Promise<never> => {
    if (wanted.metadata.resourceVersion !== String(this.#revision)) {
      return Promise.reject(new DatastoreError('conflict', 'somebody else wrote'));
    }
    this.node = wanted as Node;
    this.writes += 1;
    this.#bump();
    return Promise.resolve(this.node as never);
  };

  #bump(): void {
    this.#revision += 1;
    this.node = { ...this.node, metadata: { ...this.node.metadata, resourceVersion: String(this.#revision) } };
  }
}

function keysOf(store: Store): WireguardKeys {
  const { signal } = new AbortController();
  return new WireguardKeys({ resources: store, hostname: parseNodeName('node1'), log, signal });
}

test('stores what is wanted last, of both families, and nothing else of the status', async () => {
  const store = new Store({ podCIDRs: ['10.0.0.0/24'] });
  const keys = keysOf(store);
  keys.want(4, second);
  keys.want(6, second);
  keys.want(4, first);
  await vi.waitUntil(() => store.node.status?.wireguardPublicKey === first);
  expect(store.node.status).toEqual({
    podCIDRs: ['10.0.0.0/24'],
    wireguardPublicKey: first,
    wireguardPublicKeyV6: second,
  });
  keys.want(4, undefined);
  await vi.waitUntil(() => store.node.status?.wireguardPublicKey === undefined);
  expect(store.node.status).toEqual({ podCIDRs: ['10.0.0.0/24'], wireguardPublicKeyV6: second });
});

test('writes nothing when the store has it already', async () => {
  const store = new Store({ wireguardPublicKey: first });
  const keys = keysOf(store);
  keys.want(4, first);
  keys.want(6, undefined);
  await new Promise(setImmediate);
  expect(store.writes).toBe(0);
});

test('reads anew when somebody else wrote in between', async () => {
  const store = new Store(undefined);
  const keys = keysOf(store);
  keys.want(4, first);
  store.interfere();
  await vi.waitUntil(() => store.node.status?.wireguardPublicKey === first);
  expect(store.writes).toBe(1);
});
