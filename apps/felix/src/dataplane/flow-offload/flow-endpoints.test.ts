import { hostCidr, parseIp } from '@calico-node/net';
import { expect, test } from 'vitest';
import type { WorkloadEndpointId } from '../../calc/endpoint-id.ts';
import type { Intent, LocalWorkloadEndpoint } from '../../calc/intents.ts';
import { FlowEndpoints } from './flow-endpoints.ts';

const id = 'k8s/default%2fw/eth0' as WorkloadEndpointId;

function update(more: Partial<LocalWorkloadEndpoint> = {}): Intent {
  const endpoint: LocalWorkloadEndpoint = {
    identity: { orchestratorId: 'k8s', workloadId: 'default/w', endpointId: 'eth0' },
    revision: 1n,
    adminUp: true,
    interfaceName: 'cali1',
    addresses: [hostCidr(parseIp('10.0.0.1')), hostCidr(parseIp('fd00::1'))],
    allowedSourcePrefixes: [],
    nats: [],
    tiers: [],
    profiles: [],
    ...more,
  };
  return { type: 'workload-endpoint-update', id, endpoint };
}

const packetRate = { limits: { ingress: {}, egress: { packetRate: 10 } } };
const maxConnections = { limits: { ingress: { maxConnections: 1 }, egress: {} } };
const bandwidth = { limits: { ingress: { bandwidth: { rate: 1000 } }, egress: {} } };

/** What is so after the changes, each with those before it. */
function after(...changes: readonly Intent[]) {
  const endpoints = new FlowEndpoints();
  for (const change of changes.slice(0, -1)) endpoints.take([change]);
  endpoints.takeEnded();
  endpoints.take(changes.slice(-1));
  const [interfaces, limited] = [[...endpoints.interfaces.keys()], [...endpoints.limited.keys()]];
  return { interfaces, limited, ended: [...endpoints.takeEnded()] };
}

const up = { interfaces: ['cali1'], limited: [], ended: [] };
const limited = ['10.0.0.1', 'fd00::1'];

test.each([
  ['comes', [update()], up],
  ['comes limited', [update(packetRate)], { ...up, limited }],
  ['has other policies', [update(), update({ profiles: ['p'] })], up],
  ['gets one address more', [update({ addresses: [] }), update()], up],
  ['loses an address', [update(), update({ addresses: [hostCidr(parseIp('10.0.0.1'))] })], { ...up, ended: ['cali1'] }],
  ['gets a packet rate', [update(), update(packetRate)], { ...up, limited }],
  ['gets a connection limit', [update(), update(maxConnections)], { ...up, limited }],
  ['gets a code point', [update(), update({ dscp: 10 })], { ...up, limited }],
  ['gets a bandwidth limit', [update(), update(bandwidth)], up],
  ['has another limit', [update(packetRate), update(maxConnections)], { ...up, limited }],
  ['has no limit any more', [update(packetRate), update()], up],
  ['moves', [update(), update({ interfaceName: 'cali2' })], { ...up, interfaces: ['cali2'], ended: ['cali1'] }],
  ['is switched off', [update(), update({ adminUp: false })], { interfaces: [], limited: [], ended: ['cali1'] }],
  ['goes', [update(), { type: 'workload-endpoint-remove', id }], { interfaces: [], limited: [], ended: ['cali1'] }],
] as const)('an endpoint that %s', (_, changes, expected) => {
  expect(after(...changes)).toEqual(expected);
});

test('tells what may be otherwise since the last time, and of nothing else', () => {
  const endpoints = new FlowEndpoints();
  endpoints.take([update(packetRate)]);
  expect([...endpoints.interfaces.takeChanged()]).toEqual(['cali1']);
  expect([...endpoints.limited.takeChanged()]).toEqual(limited);
  expect([...endpoints.interfaces.takeChanged(), ...endpoints.limited.takeChanged()]).toEqual([]);
  endpoints.take([update()]);
  expect([...endpoints.limited.takeChanged()]).toEqual(limited);
  expect([endpoints.interfaces.has('cali1'), endpoints.limited.has(parseIp('10.0.0.1'))]).toEqual([true, false]);
});
