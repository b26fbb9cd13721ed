import { encodeResource, parseResource, resourceKey, type Kind } from '@calico-node/model';
import { parseIp, parseNodeName } from '@calico-node/net';
import { expect, test } from 'vitest';
import { CalcGraph } from '../calc/calc-graph.ts';
import { Ends } from './ends.ts';

function world() {
  const graph = new CalcGraph({ hostname: parseNodeName('node1') });
  const ends = new Ends(() => graph.items);
  const set = (kind: Kind, metadata: { name: string; namespace?: string }, spec?: object): void => {
    const value = spec && encodeResource(parseResource({ kind, apiVersion: 'projectcalico.org/v3', metadata, spec }));
    const update = { key: resourceKey(kind, metadata.name, metadata.namespace), value, revision: 1n };
    graph.update(update);
    ends.update(update);
  };
  const at = (text: string): string => {
    const { type, namespace, name } = ends.at(parseIp(text));
    return `${type} ${namespace} ${name}`;
  };
  const pod = (name: string, ip: string, metadata: object = {}): void => {
    const spec = {
      orchestrator: 'k8s',
      node: 'node2',
      pod: name,
      endpoint: 'eth0',
      interfaceName: 'cali1',
      ipNetworks: [`${ip}/32`],
    };
    set(
      'WorkloadEndpoint',
      { name: `node2-k8s-${name.replaceAll('-', '--')}-eth0`, namespace: 'shop', ...metadata },
      spec,
    );
  };
  return { ends, set, at, pod };
}

test('workloads of one controller have one name, others that of the pod; each gives its address back', () => {
  const { at, pod, set } = world();
  pod('web-abc', '10.65.0.1', { generateName: 'web-' });
  pod('db-0', '10.65.0.2');
  expect(at('10.65.0.1')).toBe('workload shop web-*');
  expect(at('10.65.0.2')).toBe('workload shop db-0');
  pod('db-0', '10.65.0.3');
  expect(at('10.65.0.2')).toBe('network - pvt');
  expect(at('10.65.0.3')).toBe('workload shop db-0');
  set('WorkloadEndpoint', { name: 'node2-k8s-db--0-eth0', namespace: 'shop' });
  expect(at('10.65.0.3')).toBe('network - pvt');
});

test('a host endpoint is its host, and the narrowest network set comes after endpoints', () => {
  const { at, set, pod, ends } = world();
  set('HostEndpoint', { name: 'eth' }, { node: 'node1', interfaceName: 'eth0', expectedIPs: ['172.16.0.1'] });
  set('GlobalNetworkSet', { name: 'wide' }, { nets: ['203.0.113.0/24', '10.65.0.0/16'] });
  set('NetworkSet', { name: 'narrow', namespace: 'shop' }, { nets: ['203.0.113.8/29', '10.65.0.1/32'] });
  pod('a', '10.65.0.1');
  expect(at('172.16.0.1')).toBe('host - node1');
  expect(at('203.0.113.1')).toBe('network-set - wide');
  expect(at('203.0.113.9')).toBe('network-set shop narrow');
  expect(at('10.65.0.1')).toBe('workload shop a');
  expect(ends.membersAt(parseIp('10.65.0.1'))).toHaveLength(3);
});

test('what nobody has is a private or a public network', () => {
  const { at } = world();
  expect(['10.1.2.3', '172.31.0.1', '192.168.1.1'].map(at)).toEqual(Array(3).fill('network - pvt'));
  expect(['172.32.0.1', '8.8.8.8', 'fd00::1'].map(at)).toEqual(Array(3).fill('network - pub'));
});
