/** What is told of a flow to a service's address, which the Kubernetes API is asked about. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubernetesApi } from '@calico-node/kubernetes/testing';
import { parseNodeName } from '@calico-node/net';
import { felixV1 } from '@calico-node/rpc';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CalcGraph } from '../src/calc/calc-graph.ts';
import { stored, storedEndpoint } from '../src/calc/testing/resources.ts';
import { nodePolicyOf } from '../src/rule-options.ts';
import { answerExplainFlow } from '../src/rpc/explain.ts';
import { defaultRuleOptions } from '../src/rules/options.ts';
import { NodeLab } from './support/node-lab.ts';

const SLICES = '/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices';
const SERVICES = '/api/v1/services';

let api: KubernetesApi;
let lab: NodeLab;
let directory: string;
let env: Record<string, string>;

const labels = { 'kubernetes.io/service-name': 'web' };
const ports = [{ name: 'http', port: 8080 }];

beforeAll(async () => {
  lab = new NodeLab();
  api = await KubernetesApi.start();
  directory = mkdtempSync(join(tmpdir(), 'calico-felix-'));
  env = { KUBECONFIG: api.writeKubeconfig(join(directory, 'kubeconfig')) };
  const spec = {
    clusterIPs: ['10.96.0.10', 'fd96::10'],
    externalIPs: ['203.0.113.10'],
    externalTrafficPolicy: 'Local',
    ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 'web' }],
  };
  api.set(SERVICES, { metadata: { namespace: 'shop', name: 'other' }, ...{ spec: { clusterIP: '10.96.0.9' } } });
  api.set(SERVICES, { metadata: { namespace: 'shop', name: 'web' }, ...{ spec } });
  const endpoints = [
    { addresses: ['10.0.0.2'], conditions: { ready: true } },
    { addresses: ['10.0.0.3'] },
    { addresses: ['10.0.0.4'], conditions: { ready: false } },
  ];
  const metadata = { namespace: 'shop', labels };
  api.set(SLICES, { metadata: { ...metadata, name: 'web-1' }, ...{ endpoints, ports } });
  api.set(SLICES, { metadata: { ...metadata, name: 'web-2' }, ...{ endpoints: [{ addresses: ['fd00::2'] }], ports } });
});

afterAll(async () => {
  await api[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
  lab[Symbol.dispose]();
});

function ask(request: Partial<felixV1.ExplainFlowRequest>, environment = env) {
  const graph = new CalcGraph({ hostname: parseNodeName('node1') });
  const endpointOf = (workload: string, ip: string, node: string) =>
    storedEndpoint({
      ...{ workload, node, namespace: 'shop', labels: { app: workload } },
      spec: { ipNetworks: [`${ip}/32`], profiles: ['projectcalico-default-allow'] },
    });
  graph.update(endpointOf('a', '10.0.0.1', 'node1'));
  graph.update(endpointOf('b', '10.0.0.2', 'node2'));
  graph.update(endpointOf('c', '10.0.0.3', 'node2'));
  const ingress = [{ action: 'Deny' as const, protocol: 'TCP', destination: { ports: [8080] } }];
  graph.update(stored('GlobalNetworkPolicy', { name: 'no-c' }, { selector: "app == 'c'", ingress }));
  return answerExplainFlow(
    graph,
    nodePolicyOf(defaultRuleOptions),
    {
      hostname: parseNodeName('node1'),
      ...{ interfacePrefixes: ['cali'], endpoints: () => [], floatingIps: true, netns: lab.netns },
    },
    felixV1.ExplainFlowRequest.fromPartial({ from: 'a', protocol: 6, destinationPort: 80, ...request }),
    environment,
    new AbortController().signal,
  );
}

it('asks policy of each ready backend, at the port that it has there', async () => {
  const { allowed, service, serviceUnknown } = await ask({ to: '10.96.0.10' });
  expect(serviceUnknown).toBe('');
  expect(allowed).toBe(false);
  expect(service).toMatchObject({ namespace: 'shop', name: 'web', addressType: 'ClusterIP', trafficPolicy: 'Cluster' });
  expect(service?.backends).toMatchObject([
    { address: '10.0.0.2', port: 8080, allowed: true, end: { type: 'workload', node: 'node2' } },
    { address: '10.0.0.3', port: 8080, allowed: false, steps: [{}, { rule: { name: 'no-c' } }] },
  ]);
});

it('knows addresses of other kinds, and backends of their family', async () => {
  const external = await ask({ from: '198.51.100.1', to: '203.0.113.10' });
  expect(external.service).toMatchObject({ addressType: 'ExternalIP', trafficPolicy: 'Local' });
  const v6 = await ask({ from: 'fd00::9', to: 'fd96::10' });
  expect(v6.service?.backends).toMatchObject([{ address: 'fd00::2', end: { type: 'outside' } }]);
});

it('says what a service does not have', async () => {
  expect((await ask({ to: '10.96.0.10', destinationPort: 81 })).service).toMatchObject({ problem: 'no-port' });
  expect((await ask({ to: '10.96.0.10', protocol: 17 })).service).toMatchObject({ problem: 'no-port' });
  expect(await ask({ to: '10.96.0.77' })).toMatchObject({ allowed: true, service: undefined, serviceUnknown: '' });
});

it('explains without Kubernetes, and says why when that does not tell', async () => {
  expect(await ask({ to: '10.96.0.10' }, {})).toMatchObject({ service: undefined, serviceUnknown: '' });
  api.refuses = true;
  const refused = await ask({ to: '10.96.0.10' });
  api.refuses = false;
  expect(refused).toMatchObject({ allowed: true, service: undefined });
  expect(refused.serviceUnknown).toContain('401: Unauthorized');
});

it('takes a floating address that another node translates', async () => {
  const answer = await ask({ to: '10.0.0.3', sentTo: '203.0.113.7', destinationPort: 8080 });
  expect(answer).toMatchObject({ allowed: false, destination: '10.0.0.3', sentTo: '203.0.113.7' });
  await expect(ask({ to: '10.0.0.3', sentTo: 'nowhere' })).rejects.toThrow('sent_to');
});
