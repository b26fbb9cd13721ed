import { hostCidr, parseIp } from '@calico-node/net';
import { expect, test } from 'vitest';
import type { LocalWorkloadEndpoint } from '../../calc/intents.ts';
import { withdrawnAddresses } from './withdrawn-addresses.ts';

const endpoint = (
  addresses: readonly string[],
  adminUp = true,
  nats: LocalWorkloadEndpoint['nats'] = [],
): LocalWorkloadEndpoint => ({
  identity: { orchestratorId: 'k8s', workloadId: 'default/w', endpointId: 'eth0' },
  revision: 1n,
  adminUp,
  interfaceName: 'cali1',
  addresses: addresses.map((address) => hostCidr(parseIp(address))),
  allowedSourcePrefixes: [],
  nats,
  tiers: [],
  profiles: [],
});

test('names what endpoints have no more, once each', () => {
  const gone = { before: endpoint(['10.0.0.1', 'fd00::1']), endpoint: undefined };
  const changed = { before: endpoint(['10.0.0.2', '10.0.0.3']), endpoint: endpoint(['10.0.0.3', '10.0.0.4']) };
  const down = { before: endpoint(['10.0.0.5']), endpoint: endpoint(['10.0.0.5'], false) };
  const come = { before: undefined, endpoint: endpoint(['10.0.0.6']) };
  expect([...withdrawnAddresses([gone, changed, down, come, gone], false)]).toEqual([
    '10.0.0.1',
    'fd00::1',
    '10.0.0.2',
    '10.0.0.5',
  ]);
});

test.each([
  [false, []],
  [true, ['203.0.113.7']],
])('names floating addresses where they are in use (%s)', (floatingIps, expected) => {
  const before = endpoint(['10.0.0.1'], true, [{ internal: parseIp('10.0.0.1'), external: parseIp('203.0.113.7') }]);
  expect([...withdrawnAddresses([{ before, endpoint: endpoint(['10.0.0.1']) }], floatingIps)]).toEqual(expected);
});
