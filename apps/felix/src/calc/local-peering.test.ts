import { parseAsn, parseNodeName } from '@calico-node/net';
import { expect, test } from 'vitest';
import { CalcGraph, type StoreUpdate } from './calc-graph.ts';
import { IntentMirror } from './testing/intent-mirror.ts';
import { deleted, stored, storedEndpoint } from './testing/resources.ts';

const router = storedEndpoint({ workload: 'router', labels: { role: 'router' } });
const other = storedEndpoint({ workload: 'other', spec: { interfaceName: 'caliother' } });
const addresses = stored(
  'BGPConfiguration',
  { name: 'default' },
  { localWorkloadPeeringIPV4: '169.254.0.179', localWorkloadPeeringIPV6: 'fd12::179' },
);
const node = (labels: Record<string, string>): StoreUpdate => stored('Node', { name: 'node1', labels }, {});
const peer = (spec: object): StoreUpdate =>
  stored(
    'BGPPeer',
    { name: 'routers' },
    { asNumber: parseAsn(65001), localWorkloadSelector: 'role == "router"', ...spec },
  );
const both = ['169.254.0.179', 'fd12::179'];

/** The peering addresses of each endpoint that has some, after each batch. */
function follow(...batches: readonly (readonly StoreUpdate[])[]): Record<string, readonly string[]>[] {
  const graph = new CalcGraph({ hostname: parseNodeName('node1') });
  const mirror = new IntentMirror();
  graph.onInSync();
  return batches.map((updates) => {
    for (const update of updates) graph.update(update);
    mirror.apply(graph.flush());
    const found = [...mirror.endpoints.values()].filter(({ peeringAddresses = [] }) => peeringAddresses.length > 0);
    return Object.fromEntries(found.map((one) => [one.identity.workloadId, one.peeringAddresses ?? []]));
  });
}

test('a workload that a BGPPeer selects finds the node by its peering addresses, for as long as both say so', () => {
  expect(
    follow(
      [router, other],
      [peer({})],
      [addresses],
      [deleted(peer({}))],
      [peer({ localWorkloadSelector: 'all()' })],
      [deleted(addresses)],
    ),
  ).toEqual([{}, {}, { 'default/router': both }, {}, { 'default/router': both, 'default/other': both }, {}]);
});

test('of several BGPPeers the first by its name makes a workload one, with addresses or without', () => {
  const graph = new CalcGraph({ hostname: parseNodeName('node1') });
  const mirror = new IntentMirror();
  graph.onInSync();
  const spec = { asNumber: parseAsn(65001), localWorkloadSelector: 'all()' };
  for (const update of [router, peer({}), stored('BGPPeer', { name: 'all' }, spec)]) graph.update(update);
  mirror.apply(graph.flush());
  const [endpoint] = mirror.endpoints.values();
  expect([endpoint?.bgpPeer, endpoint?.peeringAddresses]).toEqual(['all', undefined]);
});

test('which nodes a BGPPeer is for counts', () => {
  expect(
    follow(
      [router, addresses, peer({ node: 'node2' })],
      [peer({ node: 'node1' })],
      [peer({ nodeSelector: 'has(rack)' })],
      [node({ rack: 'a' })],
      [node({})],
    ),
  ).toEqual([{}, { 'default/router': both }, {}, { 'default/router': both }, {}]);
});

test('what comes in whatever order comes to the same', () => {
  const updates = [router, addresses, node({ rack: 'a' }), peer({ nodeSelector: 'rack == "a"' })];
  for (const order of [updates, [...updates].reverse()])
    expect(follow(...order.map((update) => [update])).at(-1)).toEqual({ 'default/router': both });
});
