import { parseResource, type IPPool } from '@calico-node/model';
import { parseIp, parseMac, parseNodeName } from '@calico-node/net';
import { describe, expect, test } from 'vitest';
import { buildEndpoint, endpointName, hostInterfaceName, temporaryInterfaceName } from './endpoint.ts';
import { networksOf, serves, withNetwork, withoutNetwork } from './pool-networks.ts';

const endpointId = 'f70c88f069289172a9d03d6788b535f66a4bc6c95e9ff73fe05947e0724a8e5b';
const node = parseNodeName('node-1');

function pool(annotations: Record<string, string> = {}): IPPool {
  const apiVersion = 'projectcalico.org/v3';
  const document = {
    kind: 'IPPool',
    apiVersion,
    metadata: { name: 'red', annotations },
    spec: { cidr: '10.81.0.0/24' },
  };
  return parseResource(document) as IPPool;
}

describe('an IP pool', () => {
  test('notes the networks of every node, and the last one where Calico’s plug-in looks', () => {
    const noted = withNetwork(withNetwork(pool({ kept: 'yes' }), 'aaa', 'n1'), 'bbb', 'n2');
    expect(networksOf(noted)).toEqual({ aaa: 'n1', bbb: 'n2' });
    expect(noted.metadata.annotations).toMatchObject({ 'org.projectcalico.label.network.ID': 'bbb', kept: 'yes' });
    expect(['aaa', 'bbb', 'ccc'].map((id) => serves(noted, id))).toEqual([true, true, false]);
  });

  test('forgets one network and keeps the others', () => {
    const noted = withNetwork(withNetwork(pool(), 'aaa', 'n1'), 'bbb', 'n2');
    const left = withoutNetwork(noted, 'bbb');
    expect(left.metadata.annotations?.['org.projectcalico.label.network.ID']).toBe('aaa');
    expect(serves(left, 'bbb')).toBe(false);
    expect(withoutNetwork(left, 'aaa').metadata.annotations).toEqual({});
  });

  test('that Calico’s plug-in has noted serves its network', () => {
    expect(serves(pool({ 'org.projectcalico.label.network.ID': 'old' }), 'old')).toBe(true);
  });

  test.each(['{', '[]', 'null', '{"a":1}'])('whose annotation is spoilt serves nobody: %s', (text) => {
    expect(networksOf(pool({ 'libnetwork.projectcalico.org/networks': text }))).toEqual({});
  });
});

describe('an endpoint', () => {
  const facts = {
    node,
    endpointId,
    interfaceName: 'calif70c88f0692',
    addresses: [parseIp('10.81.0.5'), parseIp('fd81::5')],
    mac: undefined,
    profile: 'red',
    labels: { tier: 'db' },
  };

  test('and its interfaces are named as Calico’s plug-in names them', () => {
    expect(endpointName(node, endpointId)).toBe(`node--1-libnetwork-libnetwork-${endpointId}`);
    expect(hostInterfaceName('cali', endpointId)).toBe('calif70c88f0692');
    expect(hostInterfaceName('docker', endpointId)).toHaveLength(15);
    expect(temporaryInterfaceName(endpointId)).toBe('tempf70c88f0692');
  });

  test('is stored as Calico’s plug-in stores it', () => {
    expect(buildEndpoint(facts, undefined)).toEqual({
      kind: 'WorkloadEndpoint',
      apiVersion: 'projectcalico.org/v3',
      metadata: {
        name: `node--1-libnetwork-libnetwork-${endpointId}`,
        namespace: 'libnetwork',
        labels: {
          tier: 'db',
          'projectcalico.org/namespace': 'libnetwork',
          'projectcalico.org/orchestrator': 'libnetwork',
        },
      },
      spec: {
        orchestrator: 'libnetwork',
        workload: 'libnetwork',
        node: 'node-1',
        endpoint: endpointId,
        interfaceName: 'calif70c88f0692',
        ipNetworks: ['10.81.0.5/32', 'fd81::5/128'],
        profiles: ['red'],
      },
    });
  });

  test('keeps what others have put on a stored one', () => {
    const stored = buildEndpoint({ ...facts, mac: parseMac('02:00:00:00:00:01'), labels: { app: 'web' } }, undefined);
    const changed = buildEndpoint({ ...facts, profile: undefined }, stored);
    expect(changed.metadata.labels).toMatchObject({ app: 'web', tier: 'db' });
    expect(changed.spec).toMatchObject({ mac: '02:00:00:00:00:01', profiles: ['red'] });
  });
});
