import { parseIp, parseNodeName } from '@calico-node/net';
import { expect, it } from 'vitest';
import { attachedTo, standaloneEndpoint } from './endpoint.ts';
import { standaloneEndpointName, standaloneFelixId, standaloneHandle, standaloneHostName } from './identity.ts';

const id = { node: parseNodeName('node-1'), namespace: 'default', name: 'web-a', endpoint: 'eth0' };

it('is named so that no two interfaces share anything', () => {
  expect(standaloneEndpointName(id)).toBe('node--1-calicoctl-web--a-eth0');
  expect(standaloneHandle(id)).toBe('calicoctl.node-1.default.web-a.eth0');
  expect(standaloneFelixId(id)).toEqual({
    orchestratorId: 'calicoctl',
    workloadId: 'default/web-a',
    endpointId: 'eth0',
  });
  const others = [{ name: 'web-b' }, { namespace: 'prod' }, { endpoint: 'net1' }].map((other) => ({ ...id, ...other }));
  const names = [id, ...others].map((one) => standaloneHostName(one, 'cali'));
  expect(new Set(names).size).toBe(4);
  for (const name of [...names, standaloneHostName(id, 'workload')]) expect(name).toHaveLength(15);
});

it('keeps what others have put on a stored endpoint, and notes what it is attached to', () => {
  const facts = {
    id,
    target: { type: 'tap', device: 'calivm0' } as const,
    hostName: 'calivm0',
    mac: undefined,
    addresses: [parseIp('10.0.0.1')],
    profiles: ['workloads'],
    labels: { app: 'web' },
  };
  const stored = standaloneEndpoint(facts, undefined);
  expect(attachedTo(stored)).toBe('tap calivm0');
  const labelled = { ...stored, metadata: { ...stored.metadata, labels: { ...stored.metadata.labels, tier: 'db' } } };
  const again = standaloneEndpoint({ ...facts, addresses: [parseIp('10.0.0.2')] }, labelled);
  expect(again.metadata.labels).toMatchObject({ app: 'web', tier: 'db' });
  expect(again.spec).toMatchObject({ ipNetworks: ['10.0.0.2/32'], workload: 'web-a', interfaceName: 'calivm0' });
});
