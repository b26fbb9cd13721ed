import { Ipam } from '@calico-node/ipam';
import { isolateNetwork } from '@calico-node/netlink';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { TestNode, type Outcome } from './support/test-node.ts';

isolateNetwork();
let node: TestNode;
let netns: string;

beforeAll(async () => {
  node = await TestNode.start();
  await node.startIpam();
  await node.startServer();
  // The first of a node claims its block and makes the network's profile.
  const first = node.workload();
  await add('first', first);
  await del('first', first);
});

beforeEach(() => {
  netns = node.workload();
});

afterEach(async () => {
  await del('c', netns);
  expect(await heldBy('net.c')).toEqual([]);
  expect(await endpoints()).toEqual([]);
});

afterAll(async () => {
  await node[Symbol.asyncDispose]();
});

function call(command: string, containerId: string, path: string): Promise<Outcome> {
  const env = { CNI_COMMAND: command, CNI_CONTAINERID: containerId, CNI_NETNS: path, CNI_IFNAME: 'eth0' };
  const config = { cniVersion: '1.0.0', name: 'net', type: 'calico', ipam: { type: 'calico-ipam' } };
  return node.exec('calico', { ...env, CNI_PATH: '/usr/lib/cni' }, JSON.stringify(config));
}

async function add(containerId: string, path: string): Promise<string> {
  const { code, stdout } = await call('ADD', containerId, path);
  expect(code, stdout).toBe(0);
  const { ips } = JSON.parse(stdout) as { ips: { address: string }[] };
  return ips.map(({ address }) => address).join(' ');
}

async function del(containerId: string, path: string): Promise<void> {
  expect(await call('DEL', containerId, path)).toMatchObject({ code: 0, stdout: '' });
}

const endpoints = async () => (await node.resources.list('WorkloadEndpoint')).items;
const heldBy = async (handle: string): Promise<string[]> =>
  (await new Ipam(node.backend).ipsByHandle(handle)).map(({ ip }) => `${ip}/32`);
const revision = async (): Promise<bigint> => (await node.backend.list('/calico/')).revision;

test('an ADD is one revision of the store: address, handle and endpoint come together', async () => {
  const before = await revision();
  const address = await add('c', netns);
  expect(await revision()).toBe(before + 1n);
  expect(await heldBy('net.c')).toEqual([address]);
  const [endpoint] = await endpoints();
  expect(endpoint).toMatchObject({
    metadata: { resourceVersion: String(before + 1n) },
    spec: { ipNetworks: [address], containerID: 'c', profiles: ['net'] },
  });
});

test('a repeated ADD gives the same and writes nothing', async () => {
  const address = await add('c', netns);
  const before = await revision();
  expect(await add('c', netns)).toBe(address);
  expect(await revision()).toBe(before);
});

test('an ADD is made anew where what the endpoint depends on has changed', async () => {
  const { spec, ...cluster } = await node.resources.get('ClusterInformation', 'default');
  await node.resources.update({ ...cluster, spec: { ...spec, clusterType: `${spec.clusterType ?? ''},more` } });
  const address = await add('c', netns);
  expect((await endpoints()).map((endpoint) => endpoint.spec.ipNetworks)).toEqual([[address]]);
});

test('an ADD that fails in the namespace leaves neither address nor endpoint', async () => {
  const { code, stdout } = await call('ADD', 'c', '/run/netns/cnt-none');
  expect([code, (JSON.parse(stdout) as { code: number }).code]).toEqual([1, 3]);
  expect(await heldBy('net.c')).toEqual([]);
  expect(await endpoints()).toEqual([]);
});

test('an ADD goes to the store itself while the service is away, and to the service when it is back', async () => {
  await node.stopIpam('SIGKILL');
  const address = await add('c', netns);
  expect(await heldBy('net.c')).toEqual([address]);
  await del('c', netns);
  await node.startIpam();
  expect(await heldBy('net.c')).toEqual([]);
  await add('c', netns);
});
