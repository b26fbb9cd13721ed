/*
 * A KubeVirt virtual machine that moves from one node to another, with the real CNI server and the real felix on both:
 * what is for its address goes where it runs, and IPAM says who has it, as with Calico.
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { connectDatastore, loadDatastoreConfig, Resources } from '@calico-node/datastore';
import { startEtcd } from '@calico-node/datastore/testing';
import { Ipam } from '@calico-node/ipam';
import { liveMigrationPrefix, parseResource, type Kind } from '@calico-node/model';
import { parseIp, parseMac, macToBytes } from '@calico-node/net';
import { createNetns, deleteNetns, isolateNetwork, RouteSocket } from '@calico-node/netlink';
import { FrameSender } from '@calico-node/netlink/inject';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { KubernetesApi } from './support/kubernetes-api.ts';
import { answer, Fabric, RealNode } from './support/real-node.ts';

type Json = Record<string, unknown>;

isolateNetwork();
const run = promisify(execFile);
const app = join(import.meta.dirname, '..');
const cluster = new AsyncDisposableStack();
const dir = mkdtempSync(join(tmpdir(), 'cnt-move-'));
let api: KubernetesApi;
let kubeconfig: string;
let nodes: readonly [RealNode, RealNode];
let resources: Resources;
let ipam: Ipam;
let recorded: () => Promise<unknown>;

const handle = 'k8s-pod-network.vmi.shop.vm1';
const [source, target] = ['virt-launcher-vm1-aaaaa', 'virt-launcher-vm1-bbbbb'];

function apply(kind: Kind, name: string, spec: Json): Promise<unknown> {
  return resources.apply(parseResource({ kind, apiVersion: 'projectcalico.org/v3', metadata: { name }, spec }));
}

beforeAll(async () => {
  cluster.defer(() => {
    rmSync(dir, { recursive: true, force: true });
  });
  execFileSync(join(app, 'native/build.sh'), [dir]);
  const etcd = cluster.use(await startEtcd());
  const env = { DATASTORE_TYPE: 'etcdv3', ETCD_ENDPOINTS: etcd.endpoints.join(',') };
  const backend = connectDatastore(loadDatastoreConfig({ env }));
  cluster.defer(() => {
    backend.close();
  });
  resources = new Resources(backend);
  ipam = new Ipam(backend);
  recorded = async () => (await backend.list(liveMigrationPrefix)).items.map(({ key }) => key.split('/').at(-1));
  await resources.ensureInitialized({ clusterType: 'test' });
  const addresses = ['172.16.0.1', '172.16.0.2'];
  for (const [index, address] of addresses.entries()) {
    await apply('Node', `node${index + 1}`, { bgp: { ipv4Address: `${address}/24` } });
  }
  await apply('IPPool', 'pool', { cidr: '10.77.0.0/24', blockSize: 26, nodeSelector: 'all()' });
  await apply('Profile', 'kns.shop', { ingress: [{ action: 'Allow' }], egress: [{ action: 'Allow' }] });
  api = cluster.use(await KubernetesApi.start());
  kubeconfig = api.writeKubeconfig(join(dir, 'kubeconfig'));
  const fabric = cluster.use(new Fabric());
  const started = await Promise.all(
    addresses.map((address, index) =>
      RealNode.start({
        name: `node${index + 1}`,
        address,
        fabric,
        ports: [etcd.port, Number(new URL(api.url).port)],
        env: {
          ...env,
          FELIX_IPV6SUPPORT: 'false',
          FELIX_PROGRAMCLUSTERROUTES: 'Enabled',
          FELIX_LIVEMIGRATIONROUTECONVERGENCETIME: '1',
        },
      }),
    ),
  );
  for (const node of started) cluster.use(node);
  nodes = [started[0]!, started[1]!];
});

afterAll(() => cluster.disposeAsync());

/** The machine and its instance, as KubeVirt has them. */
function machine(deletion: Json = {}): void {
  const base = '/apis/kubevirt.io/v1/namespaces/shop';
  const owner = { apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine', name: 'vm1', uid: 'vm-1' };
  const metadata = { namespace: 'shop', name: 'vm1' };
  api.objects.set(`${base}/virtualmachineinstances/vm1`, {
    metadata: { ...metadata, uid: 'vmi-1', ownerReferences: [owner] },
  });
  api.objects.set(`${base}/virtualmachines/vm1`, { metadata: { ...metadata, uid: 'vm-1', ...deletion } });
}

function pod(name: string, labels: Json = {}): void {
  const instance = { apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachineInstance', name: 'vm1', uid: 'vmi-1' };
  const ownerReferences = name.startsWith('virt-launcher-') ? [{ ...instance, controller: true }] : [];
  api.objects.set(`/api/v1/namespaces/shop/pods/${name}`, {
    metadata: { namespace: 'shop', name, labels, ownerReferences },
    spec: { containers: [] },
  });
}

/** Has the CNI plug-in do something for a pod on a node; the pod's namespace has its name. Gives its address. */
async function cni(command: 'ADD' | 'DEL', node: RealNode, name: string, netns: string): Promise<string> {
  const config = {
    cniVersion: '1.0.0',
    name: 'k8s-pod-network',
    type: 'calico',
    ipam: { type: 'calico-ipam' },
    policy: { type: 'k8s' },
    policy_setup_timeout_seconds: 30,
    kubernetes: { kubeconfig },
  };
  const env = {
    ...node.env,
    CALICO_NODE_BINARY: process.execPath,
    CALICO_CNI_FALLBACK: join(app, 'src/main.ts'),
    CNI_COMMAND: command,
    CNI_CONTAINERID: `c-${name}`,
    CNI_NETNS: `/run/netns/${netns}`,
    CNI_IFNAME: 'eth0',
    CNI_PATH: '/usr/lib/cni',
    CNI_ARGS: `K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${name}`,
  };
  const called = run(join(dir, 'calico'), [], { env });
  called.child.stdin?.end(JSON.stringify(config));
  const { stdout } = await called.catch((error: unknown) => {
    throw new Error(`${command} of ${name}: ${String((error as { stdout?: unknown }).stdout)}`, { cause: error });
  });
  if (command === 'DEL') return '';
  const { ips } = JSON.parse(stdout) as { ips: readonly { address: string }[] };
  return String(ips[0]?.address.split('/')[0]);
}

const inside = async (netns: string, ...command: string[]): Promise<string> =>
  (await run('nsenter', [`--net=/run/netns/${netns}`, ...command])).stdout;

/** Who answers at an address; nothing, where nobody does. */
async function who(netns: string, ip: string): Promise<string> {
  try {
    return await inside(netns, 'timeout', '2', 'bash', '-c', `cat < /dev/tcp/${ip}/8080`);
  } catch {
    return '';
  }
}

/** Metrics of the routes to an address over interfaces of pods. */
const metrics = async ({ netns }: RealNode, ip: string): Promise<readonly string[]> =>
  (await inside(netns, 'ip', 'route', 'show', ip))
    .split('\n')
    .flatMap((line) => /dev cali.* metric (\d+)/.exec(line)?.[1] ?? []);

const owners = async (ip: string): Promise<unknown> => {
  const { secondary, alternateOwnerAttrs } = await ipam.attributesOf(parseIp(ip));
  return { active: secondary?.['pod'], node: secondary?.['node'], alternate: alternateOwnerAttrs?.['pod'] };
};

/** What QEMU sends for a machine once it runs: a request by Reverse ARP (RFC 903) for its own address. */
function announceByRarp(netns: string): void {
  using socket = RouteSocket.open({ netns });
  const { index, mac } = socket.getLink('eth0')!;
  using sender = new FrameSender(index, { netns });
  const own = macToBytes(mac ?? parseMac('02:00:00:00:00:01'));
  const header = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, ...own, 0x80, 0x35];
  sender.send(Uint8Array.from([...header, 0, 1, 8, 0, 6, 4, 0, 3, ...own, 0, 0, 0, 0, ...own, 0, 0, 0, 0]));
}

test('a machine is reached where it runs, before, while and after it moves, and keeps its address until it is deleted', async () => {
  const [from, to] = nodes;
  await using pods = new AsyncDisposableStack();
  const namespaceOf = (name: string): string => {
    const netns = `${from.netns}-${name}`;
    createNetns(netns);
    pods.defer(() => {
      deleteNetns(netns);
    });
    return netns;
  };
  const [here, there, client] = [namespaceOf('a'), namespaceOf('b'), namespaceOf('c')];
  api.objects.set('/api/v1/namespaces/shop', { metadata: { name: 'shop' } });
  machine();
  pod(source);
  pod(target, { 'kubevirt.io/migrationJobUID': 'move-1' });
  pod('web');
  for (const [netns, text] of [
    [here, 'source'],
    [there, 'target'],
  ] as const) {
    pods.use(await answer(netns, 8080, text));
  }
  const ip = await cni('ADD', from, source, here);
  await cni('ADD', to, 'web', client);
  await expect.poll(() => who(client, ip), { timeout: 20_000 }).toBe('source');
  expect(await metrics(from, ip)).toEqual(['1024']);

  expect(await cni('ADD', to, target, there)).toBe(ip);
  expect(await owners(ip)).toEqual({ active: source, node: 'node1', alternate: target });
  expect(await recorded()).toEqual(['move-1']);
  expect(await metrics(to, ip)).toEqual([]);
  expect(await who(client, ip)).toBe('source');

  announceByRarp(there);
  await expect.poll(() => owners(ip)).toEqual({ active: target, node: 'node2', alternate: source });
  await expect.poll(() => metrics(to, ip)).toEqual(['512']);
  await expect.poll(() => who(client, ip)).toBe('target');

  await cni('DEL', from, source, here);
  expect(await owners(ip)).toEqual({ active: target, node: 'node2', alternate: undefined });
  expect(await recorded()).toEqual([]);
  // Its own host has heard of it as all others have.
  await expect.poll(() => who(from.netns, ip)).toBe('target');
  await expect.poll(() => metrics(to, ip), { timeout: 20_000 }).toEqual(['1024']);
  expect(await who(client, ip)).toBe('target');

  machine({ deletionTimestamp: '2026-11-21T00:00:00Z' });
  await cni('DEL', to, target, there);
  expect(await ipam.ipsByHandle(handle)).toEqual([]);
  await cni('DEL', to, 'web', client);
});
