import { parseNodeName } from '@calico-node/net';
import { expect, test } from 'vitest';
import { workloadEndpointIdOf } from './endpoint-id.ts';
import { LiveMigrations } from './live-migrations.ts';

const prefix = '/calico/resources/v3/projectcalico.org/livemigrations/';
const workloadEndpoint = {
  orchestratorID: 'openstack',
  workloadID: 'default/vm',
  endpointID: 'port1',
  hostname: 'node1',
};
const id = workloadEndpointIdOf({ orchestratorId: 'openstack', workloadId: 'default/vm', endpointId: 'port1' });

function targets(...updates: readonly (readonly [name: string, spec: unknown])[]) {
  const migrations = new LiveMigrations(parseNodeName('node1'));
  for (const [name, spec] of updates) {
    migrations.update({
      key: prefix + name,
      value: spec === undefined ? undefined : JSON.stringify({ spec }),
      revision: 1n,
    });
  }
  return [...migrations.targets];
}

test('the endpoints of this host that machines are moved to are those that LiveMigrations name', () => {
  expect(targets(['default/m', { target: { workloadEndpoint } }])).toEqual([id]);
  expect(targets(['default/m', { source: { workloadEndpoint } }])).toEqual([]);
  expect(targets(['default/m', { target: { workloadEndpoint: { ...workloadEndpoint, hostname: 'node2' } } }])).toEqual(
    [],
  );
  expect(targets(['default/m', { target: { workloadEndpoint } }], ['default/m', undefined])).toEqual([]);
});

test('a pod is known by its name on every host, and a source by its endpoint or its whole workload', () => {
  const pod = { orchestratorID: 'k8s', workloadID: 'shop/vm', endpointID: 'eth0', hostname: 'node2' };
  const podId = workloadEndpointIdOf({ orchestratorId: 'k8s', workloadId: 'shop/vm', endpointId: 'eth0' });
  expect(targets(['shop/m', { target: { workloadEndpoint: pod } }])).toEqual([podId]);
  const isSource = (source: unknown): readonly boolean[] => {
    const migrations = new LiveMigrations(parseNodeName('node1'));
    migrations.update({ key: `${prefix}shop/m`, value: JSON.stringify({ spec: { source } }), revision: 1n });
    return [podId, id].map((each) => migrations.isSource(each));
  };
  expect(isSource({ workload: { orchestratorID: 'k8s', workloadID: 'shop/vm' } })).toEqual([true, false]);
  expect(isSource({ workload: { orchestratorID: 'k8s', workloadID: 'shop/v' } })).toEqual([false, false]);
  expect(isSource({ workloadEndpoint })).toEqual([false, true]);
  expect(isSource({ workloadEndpoint: { ...workloadEndpoint, hostname: 'node2' } })).toEqual([false, false]);
});

test('other keys, selectors and what cannot be read name none', () => {
  const migrations = new LiveMigrations(parseNodeName('node1'));
  migrations.update({ key: `${prefix}default/m`, value: 'no JSON', revision: 1n });
  migrations.update({ key: '/calico/resources/v3/projectcalico.org/nodes/n', value: '{}', revision: 1n });
  expect(migrations.targets.size).toBe(0);
  expect(targets(['default/m', { target: { selector: 'all()' } }], ['default/n', null])).toEqual([]);
});
