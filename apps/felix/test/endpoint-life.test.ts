/** What a running Felix does for endpoints besides policy and routes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connectDatastore, loadDatastoreConfig, Resources, type Backend } from '@calico-node/datastore';
import { startEtcd } from '@calico-node/datastore/testing';
import { parseResource, workloadEndpointName, type Kind } from '@calico-node/model';
import type { HealthReport } from '@calico-node/service';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ifbNameOf } from '../src/dataplane/qos/ifb-name.ts';
import { FelixProcess, relayInto } from './support/felix-process.ts';
import { canConnect, NodeLab, runIn, type Workload } from './support/node-lab.ts';

const stack = new AsyncDisposableStack();
let lab: NodeLab;
let a: Workload;
let b: Workload;
let backend: Backend;
let resources: Resources;
let felix: FelixProcess;

const nameOf = (pod: string) => workloadEndpointName({ node: 'node1', orchestrator: 'k8s', pod, endpoint: 'eth0' });

async function apply(kind: Kind, metadata: object, spec: object): Promise<void> {
  await resources.apply(parseResource({ kind, apiVersion: 'projectcalico.org/v3', metadata, spec }));
}

async function applyEndpoint(pod: string, { interfaceName, address }: Workload, qosControls: object): Promise<void> {
  const spec = { orchestrator: 'k8s', node: 'node1', pod, endpoint: 'eth0', interfaceName };
  const more = { ipNetworks: [`${address}/32`], profiles: ['projectcalico-default-allow'], qosControls };
  await apply('WorkloadEndpoint', { name: nameOf(pod), namespace: 'default' }, { ...spec, ...more });
  await felix.waitForEndpoint(pod);
}

beforeAll(async () => {
  lab = stack.use(new NodeLab());
  a = lab.addWorkload('a', '10.65.0.1', { byFelix: true });
  b = lab.addWorkload('b', '10.65.0.2', { byFelix: true });
  const etcd = await startEtcd();
  stack.defer(() => etcd.stop());
  stack.use(await relayInto(lab.netns, etcd.port));
  backend = connectDatastore(loadDatastoreConfig({ env: { ETCD_ENDPOINTS: etcd.endpoints.join(',') } }));
  stack.defer(() => {
    backend.close();
  });
  resources = new Resources(backend);
  await resources.ensureInitialized({});
  felix = stack.use(
    new FelixProcess(lab.netns, {
      ETCD_ENDPOINTS: `http://127.0.0.1:${etcd.port}`,
      FELIX_ENDPOINTREPORTINGENABLED: 'true',
      FELIX_ENDPOINTREPORTINGDELAYSECS: '0.05',
    }),
  );
  felix.start();
  // Somebody else's: what b sends cannot be limited.
  runIn(lab.netns, 'ip', 'link', 'add', ifbNameOf('calib'), 'type', 'bridge');
  await applyEndpoint('a', a, { ingressBandwidth: 8_000_000 });
  await applyEndpoint('b', b, { egressBandwidth: 8_000_000 });
});

afterAll(() => stack.disposeAsync());

it('says which MTU workloads may have', () => {
  expect(readFileSync(join(felix.runDir, 'mtu'), 'utf8')).toBe('1500');
});

it('limits their bandwidth, and stays ready with the reason where it cannot', () => {
  expect(runIn(lab.netns, 'tc', 'qdisc', 'show', 'dev', 'calia')).toContain('rate 8Mbit');
  const { ok, components } = JSON.parse(felix.httpGet('/readiness')) as HealthReport;
  expect(ok).toBe(true);
  expect(components.find(({ name }) => name === 'bandwidth')).toMatchObject({
    ok: true,
    reason: expect.stringContaining('bandwidth is not limited as it should be: from the workload on calib') as string,
    remedy: expect.stringContaining('ifb') as string,
  });
});

it('tells the store how endpoints are, those of the host too', async () => {
  const statusOf = async (key: string) => (await backend.get(`/calico/felix/${key}`))?.value;
  const ofHost = 'v1/host/node1/endpoint/h';
  await apply('HostEndpoint', { name: 'h' }, { node: 'node1', interfaceName: 'fabric' });
  await expect.poll(() => statusOf(ofHost)).toBe('{"status":"up"}');
  runIn(lab.netns, 'ip', 'link', 'set', 'fabric', 'down');
  await expect.poll(() => statusOf(ofHost)).toBe('{"status":"down"}');
  await resources.delete('HostEndpoint', 'h');
  await expect.poll(() => statusOf(ofHost)).toBeUndefined();
  const ofWorkload = 'v2/no-region/host/node1/workload/k8s/default%2fa/endpoint/eth0';
  await expect.poll(() => statusOf(ofWorkload)).toBe('{"status":"up"}');
});

it('has the kernel forget the connections of one that is gone, and of no other', async () => {
  const other = '-p udp -s 172.16.0.8 -d 172.16.0.9 --sport 1 --dport 2 -t 60'.split(' ');
  runIn(lab.netns, 'conntrack', '-I', ...other);
  const isKnown = (address: string): boolean => runIn(lab.netns, 'conntrack', '-L').includes(`dst=${address} `);
  while (!(await canConnect(a, '10.65.0.2', 80))) await delay(20);
  runIn(a.netns, 'bash', '-c', 'echo hello > /dev/udp/10.65.0.2/9');
  expect([isKnown('10.65.0.2'), isKnown('172.16.0.9')]).toEqual([true, true]);
  await resources.delete('WorkloadEndpoint', nameOf('a'), 'default');
  await expect.poll(() => isKnown('10.65.0.1')).toBe(false);
  expect(isKnown('172.16.0.9')).toBe(true);
});

it.for(['in one change', 'while it does not run'])(
  'lets none of an address’s connections go to its next holder, %s',
  async (way) => {
    const name = way === 'in one change' ? 'c' : 'd';
    const former = way === 'in one change' ? 'b' : 'c';
    const next = lab.addWorkload(name, '10.65.0.2', { byFelix: true });
    const old = '-p udp -s 172.16.0.8 -d 10.65.0.2 --sport 1 --dport 2 -t 60'.split(' ');
    runIn(lab.netns, 'conntrack', '-I', ...old);
    if (way === 'in one change') felix.signal('SIGSTOP');
    else await felix.end('SIGKILL');
    await resources.delete('WorkloadEndpoint', nameOf(former), 'default');
    const spec = { orchestrator: 'k8s', node: 'node1', pod: name, endpoint: 'eth0', interfaceName: next.interfaceName };
    const more = { ipNetworks: ['10.65.0.2/32'], profiles: ['projectcalico-default-allow'] };
    await apply('WorkloadEndpoint', { name: nameOf(name), namespace: 'default' }, { ...spec, ...more });
    if (way === 'in one change') felix.signal('SIGCONT');
    else felix.start();
    expect(await felix.waitForEndpoint(name)).toMatchObject({ reason: '' });
    const connections = runIn(lab.netns, 'conntrack', '-L');
    expect(connections).not.toContain('dst=10.65.0.2 ');
    expect(connections).toContain('dst=172.16.0.9 ');
  },
);
