import { hostCidr, parseIp, type IpAddress } from '@calico-node/net';
import { expect, test } from 'vitest';
import type { LocalWorkloadEndpoint } from '../../calc/intents.ts';
import { WithdrawnConnections } from './withdrawn-connections.ts';

const endpoint: LocalWorkloadEndpoint = {
  identity: { orchestratorId: 'k8s', workloadId: 'default/w', endpointId: 'eth0' },
  revision: 1n,
  adminUp: true,
  interfaceName: 'cali1',
  addresses: [hostCidr(parseIp('10.0.0.1'))],
  allowedSourcePrefixes: [],
  nats: [{ internal: parseIp('10.0.0.1'), external: parseIp('203.0.113.7') }],
  tiers: [],
  profiles: [],
};

test.each([
  [false, [['10.0.0.1']]],
  [true, [['203.0.113.7'], ['10.0.0.1', '203.0.113.7']]],
])('forgets what is withdrawn, floating addresses where they are in use (%s)', async (floatingIps, expected) => {
  const forgotten: IpAddress[][] = [];
  const warnings: object[] = [];
  const connections = new WithdrawnConnections({
    connections: {
      forget: (addresses) => {
        forgotten.push([...addresses]);
        return forgotten.length === 1 ? Promise.resolve() : Promise.reject(new Error('no'));
      },
    },
    floatingIps,
    log: { warn: (fields: object) => warnings.push(fields) },
  });
  connections.take([{ before: endpoint, endpoint }]);
  expect(connections.settled).toBeUndefined();
  connections.take([{ before: endpoint, endpoint: { ...endpoint, nats: [] } }]);
  await connections.settled;
  connections.take([{ before: endpoint, endpoint: undefined }]);
  expect(connections.settled).toBeDefined();
  await connections.settled;
  expect(connections.settled).toBeUndefined();
  expect(forgotten).toEqual(expected);
  expect(warnings).toHaveLength(expected.length - 1);
});
