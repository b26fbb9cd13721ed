import { parseNodeName } from '@calico-node/net';
import { uniqueId } from '@calico-node/selector';
import { expect, test } from 'vitest';
import { CalcGraph } from './calc-graph.ts';
import { IntentMirror } from './testing/intent-mirror.ts';
import { stored, storedEndpoint } from './testing/resources.ts';

const services = { name: 'web', namespace: 'ns' };
const withPorts = uniqueId('svc', 'ns/web');
const addressesOnly = uniqueId('svcnoport', 'ns/web');

const slice = (addresses: readonly string[], service = 'web') =>
  JSON.stringify({
    metadata: { namespace: 'ns', labels: { 'kubernetes.io/service-name': service } },
    endpoints: [{ addresses }, { addresses: null }],
    ports: [{ port: 80 }, { port: 53, protocol: 'UDP' }, { port: null }, { port: 1, protocol: 'ICMP' }],
  });

function started() {
  const graph = new CalcGraph({ hostname: parseNodeName('node1') });
  const mirror = new IntentMirror();
  graph.onInSync();
  const members = (id: string) => [...(mirror.sets.get(id)?.members ?? [])].sort();
  const flush = () => mirror.apply(graph.flush());
  graph.update(storedEndpoint({ workload: 'w' }));
  const spec = {
    types: ['Ingress' as const, 'Egress' as const],
    ingress: [{ action: 'Allow' as const, source: { services } }],
    egress: [{ action: 'Allow' as const, destination: { services } }],
  };
  const policy = stored('GlobalNetworkPolicy', { name: 'p' }, spec);
  return { graph, flush, members, policy };
}

test('a service’s endpoints are those of all its slices, and go with them', () => {
  const { graph, flush, members, policy } = started();
  graph.updateEndpointSlice({ key: 'a', value: slice(['10.0.0.1', 'fd00::1', 'host.name']), revision: 1n });
  graph.updateEndpointSlice({ key: 'b', value: slice(['10.0.0.1', '10.0.0.2']), revision: 1n });
  graph.updateEndpointSlice({ key: 'c', value: slice(['10.0.0.9'], 'other'), revision: 1n });
  graph.update(policy);
  flush();
  expect(members(addressesOnly)).toEqual(['10.0.0.1/32', '10.0.0.2/32', 'fd00::1/128']);
  expect(members(withPorts)).toEqual([
    '10.0.0.1,tcp:80',
    '10.0.0.1,udp:53',
    '10.0.0.2,tcp:80',
    '10.0.0.2,udp:53',
    'fd00::1,tcp:80',
    'fd00::1,udp:53',
  ]);

  graph.updateEndpointSlice({ key: 'a', value: undefined, revision: 2n });
  graph.updateEndpointSlice({ key: 'b', value: slice(['10.0.0.3']), revision: 2n });
  flush();
  expect(members(addressesOnly)).toEqual(['10.0.0.3/32']);
  expect(members(withPorts)).toEqual(['10.0.0.3,tcp:80', '10.0.0.3,udp:53']);
});

test('a set that a rule stops asking for and asks for again holds each endpoint once', () => {
  const { graph, flush, members, policy } = started();
  graph.updateEndpointSlice({ key: 'a', value: slice(['10.0.0.1']), revision: 1n });
  graph.update(policy);
  flush();
  graph.update({ ...policy, value: undefined });
  graph.update(policy);
  flush();
  graph.updateEndpointSlice({ key: 'a', value: undefined, revision: 2n });
  flush();
  expect(members(addressesOnly)).toEqual([]);
});

test('what is no slice is refused, with a warning', () => {
  const { graph, policy } = started();
  graph.update(policy);
  graph.updateEndpointSlice({ key: 'a', value: '{}', revision: 1n });
  graph.updateEndpointSlice({ key: 'b', value: '', revision: 1n });
  expect(graph.flush().warnings.map(({ code, subject }) => [code, subject])).toEqual([
    ['invalid-value', 'a'],
    ['invalid-value', 'b'],
  ]);
});
