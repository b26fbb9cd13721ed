import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connectDatastore, loadDatastoreConfig, Resources } from '@calico-node/datastore';
import { startEtcd } from '@calico-node/datastore/testing';
import { parseResource, workloadEndpointName } from '@calico-node/model';
import { expect, it } from 'vitest';
import { FelixProcess, relayInto } from './support/felix-process.ts';
import { canConnect, NodeLab, runIn } from './support/node-lab.ts';

it('says which MTU workloads may have; limits their bandwidth; tells the store of endpoints; has the kernel forget the connections of one that is gone, and of no other', async () => {
  using lab = new NodeLab();
  const [a, b] = ['a', 'b'].map((name, index) => lab.addWorkload(name, `10.65.0.${index + 1}`, { byFelix: true }));
  const etcd = await startEtcd();
  await using _etcd = { [Symbol.asyncDispose]: () => etcd.stop() };
  using _relay = await relayInto(lab.netns, etcd.port);
  using backend = disposable(
    connectDatastore(loadDatastoreConfig({ env: { ETCD_ENDPOINTS: etcd.endpoints.join(',') } })),
  );
  const resources = new Resources(backend.it);
  await resources.ensureInitialized({});
  await using felix = new FelixProcess(lab.netns, {
    ETCD_ENDPOINTS: `http://127.0.0.1:${etcd.port}`,
    FELIX_ENDPOINTREPORTINGENABLED: 'true',
    FELIX_ENDPOINTREPORTINGDELAYSECS: '0.05',
  });
  felix.start();
  const nameOf = (pod: string) => workloadEndpointName({ node: 'node1', orchestrator: 'k8s', pod, endpoint: 'eth0' });
  for (const [pod, workload] of Object.entries({ a, b })) {
    const { interfaceName, address } = workload!;
    const spec = { orchestrator: 'k8s', node: 'node1', pod, endpoint: 'eth0', interfaceName };
    const metadata = { name: nameOf(pod), namespace: 'default' };
    const qosControls = { ingressBandwidth: 8_000_000 };
    const more = { ipNetworks: [`${address}/32`], profiles: ['projectcalico-default-allow'], qosControls };
    const kind = 'WorkloadEndpoint';
    await resources.apply(
      parseResource({ kind, apiVersion: 'projectcalico.org/v3', metadata, spec: { ...spec, ...more } }),
    );
    await felix.waitForEndpoint(pod);
  }
  await resources.apply(
    parseResource({
      kind: 'HostEndpoint',
      apiVersion: 'projectcalico.org/v3',
      metadata: { name: 'h' },
      spec: { node: 'node1', interfaceName: 'fabric' },
    }),
  );
  const statusOf = async (key: string) => (await backend.it.get(`/calico/felix/${key}`))?.value;
  const ofHost = 'v1/host/node1/endpoint/h';
  await expect.poll(() => statusOf(ofHost)).toBe('{"status":"up"}');
  runIn(lab.netns, 'ip', 'link', 'set', 'fabric', 'down');
  await expect.poll(() => statusOf(ofHost)).toBe('{"status":"down"}');
  await resources.delete('HostEndpoint', 'h');
  await expect.poll(() => statusOf(ofHost)).toBeUndefined();
  const ofWorkload = 'v2/no-region/host/node1/workload/k8s/default%2fa/endpoint/eth0';
  await expect.poll(() => statusOf(ofWorkload)).toBe('{"status":"up"}');
  expect(readFileSync(join(felix.runDir, 'mtu'), 'utf8')).toBe('1500');
  expect(runIn(lab.netns, 'tc', 'qdisc', 'show', 'dev', 'calia')).toContain('rate 8Mbit');
  const other = '-p udp -s 172.16.0.8 -d 172.16.0.9 --sport 1 --dport 2 -t 60'.split(' ');
  runIn(lab.netns, 'conntrack', '-I', ...other);
  const isKnown = (address: string): boolean => runIn(lab.netns, 'conntrack', '-L').includes(`dst=${address} `);
  while (!(await canConnect(a!, '10.65.0.2', 80))) await delay(20);
  runIn(a!.netns, 'bash', '-c', 'echo hello > /dev/udp/10.65.0.2/9');
  expect([isKnown('10.65.0.2'), isKnown('172.16.0.9')]).toEqual([true, true]);
  await resources.delete('WorkloadEndpoint', nameOf('a'), 'default');
  await expect.poll(() => isKnown('10.65.0.1')).toBe(false);
  expect(isKnown('172.16.0.9')).toBe(true);
});

function disposable<T extends { close(): void }>(it: T): Disposable & { readonly it: T } {
  return {
    it,
    [Symbol.dispose]: () => {
      it.close();
    },
  };
}
