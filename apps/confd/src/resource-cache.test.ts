import { affinityKey, encodeAffinity, encodeResource, resourceKey } from '@calico-node/model';
import { parseCidr } from '@calico-node/net';
import { expect, it } from 'vitest';
import { node } from './derive/fixtures.ts';
import { ResourceCache } from './resource-cache.ts';

it('gives the same list of a kind until one of it changes', () => {
  const cache = new ResourceCache();
  const key = resourceKey('Node', 'n1');
  const value = encodeResource(node('n1', { ipv4Address: '10.0.0.1/24' }));
  cache.apply([{ key, value, revision: 1n }]);
  const { nodes, pools } = cache.resources();
  expect(nodes).toHaveLength(1);
  const block = parseCidr('10.65.0.0/26');
  const affinity = encodeAffinity({ state: 'confirmed', deleted: false });
  cache.apply([{ key: affinityKey('host', 'n1', block), value: affinity, revision: 2n }]);
  expect(cache.resources().blocks).toHaveLength(1);
  expect(cache.resources().nodes).toBe(nodes);
  expect(cache.resources().pools).toBe(pools);
  cache.apply([{ key, value: undefined, revision: 3n }]);
  expect(cache.resources().nodes).toEqual([]);
});
