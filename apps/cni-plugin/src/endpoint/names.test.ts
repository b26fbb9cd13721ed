import { parseIp, parseMac, parseNodeName } from '@calico-node/net';
import { expect, test } from 'vitest';
import { statusFileName } from '../felix/status-file.ts';
import { buildEndpoint, endpointName } from './build-endpoint.ts';
import { alternativeInterfaceName, hostInterfaceName } from './interface-name.ts';
import { ipamHandle, workloadOf, type Workload } from './workload.ts';

const pod = (namespace: string, name: string): Workload => ({
  orchestrator: 'k8s',
  namespace,
  pod: name,
  containerId: 'c',
  endpoint: 'eth0',
});
const container = (containerId: string, endpoint = 'eth0'): Workload => ({
  orchestrator: 'cni',
  namespace: 'default',
  containerId,
  endpoint,
});

test.each([
  ['default', 'mypod', 'cali4e199eba087'],
  ['kube-system', 'coredns-abc', 'cali3d5d6ab04b5'],
  ['default', 'web-0', 'cali0d7763386da'],
])("the interface of pod %s/%s is Calico's %s", (namespace, name, expected) => {
  expect(hostInterfaceName(pod(namespace, name), 'cali')).toBe(expected);
});

test('the interface of a container is named after its identifier', () => {
  expect(hostInterfaceName(container('0123456789abcdef'), 'cali')).toBe('cali0123456789a');
  expect(hostInterfaceName(container('c1'), 'cali')).toBe('calic1');
});

test('every name of an interface is one that the kernel takes, and differs by interface', () => {
  const workloads = [
    container('c'.repeat(64)),
    container('c'.repeat(64), 'net1'),
    pod('a', 'b'),
    { ...pod('a', 'b'), endpoint: 'net1' },
  ];
  const names = workloads.map((workload) => hostInterfaceName(workload, 'cali'));
  expect(new Set([...names, alternativeInterfaceName(workloads[0]!)]).size).toBe(5);
  for (const name of names) expect(name.length).toBeLessThanOrEqual(15);
});

test('the workload is the pod where the runtime names one', () => {
  const attachment = { containerId: 'c', netns: '/n', ifName: 'eth0', args: new Map<string, string>() };
  expect(workloadOf(attachment)).toMatchObject({ orchestrator: 'cni', namespace: 'default' });
  const args = new Map([
    ['K8S_POD_NAMESPACE', 'shop'],
    ['K8S_POD_NAME', 'web-0'],
  ]);
  expect(workloadOf({ ...attachment, args })).toMatchObject({ orchestrator: 'k8s', namespace: 'shop', pod: 'web-0' });
});

test('endpoint, status file and handle are named as Calico names them', () => {
  expect(endpointName(parseNodeName('my-node'), pod('default', 'web-0'))).toBe('my--node-k8s-web--0-eth0');
  expect(endpointName(parseNodeName('n1'), container('c1'))).toBe('n1-cni-c1-eth0');
  expect(statusFileName(pod('default', 'web-0'))).toBe('k8s default%2Fweb-0 eth0');
  expect(ipamHandle('net', 'c1', 'eth0')).toBe('net.c1');
});

test('a second network adds its profile and keeps what else the endpoint has', () => {
  const facts = {
    node: parseNodeName('n1'),
    workload: container('c1'),
    addresses: [parseIp('10.0.0.5')],
    interfaceName: 'calic1',
    mac: parseMac('02:00:00:00:00:01'),
  };
  const network = (name: string, labels = {}) =>
    ({ source: 'configuration', labels, profiles: [name], wishes: {} }) as const;
  const first = buildEndpoint({ ...facts, description: network('one', { app: 'web' }) }, undefined);
  const second = buildEndpoint({ ...facts, description: network('two') }, first);
  expect(second.spec.profiles).toEqual(['one', 'two']);
  expect(second.metadata.labels).toMatchObject({ app: 'web' });
  expect(buildEndpoint({ ...facts, description: network('two') }, second)).toEqual(second);
});
