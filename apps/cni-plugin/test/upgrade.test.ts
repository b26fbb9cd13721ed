/*
 * `calico-ipam -upgrade`: from host-local to Calico's IPAM.
 */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ipam } from '@calico-node/ipam';
import { parseIp } from '@calico-node/net';
import { isolateNetwork, tryLockFile } from '@calico-node/netlink';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { runUpgrade } from '../src/upgrade/run-upgrade.ts';
import { KubernetesApi } from './support/kubernetes-api.ts';
import { TestNode } from './support/test-node.ts';

isolateNetwork();
let node: TestNode;
let api: KubernetesApi;
let ipam: Ipam;
let directory: string;

const podsPath = '/api/v1/pods?fieldSelector=spec.nodeName%3Dtest-node&limit=250';

beforeAll(async () => {
  node = await TestNode.start();
  api = await KubernetesApi.start();
  api.writeKubeconfig(join(node.dir, 'kubeconfig'));
  ipam = new Ipam(node.backend);
  directory = join(node.dir, 'k8s-pod-network');
});

afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await node[Symbol.asyncDispose]();
});

beforeEach(() => {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory);
  writeFileSync(join(directory, 'lock'), '');
  writeFileSync(join(directory, 'last_reserved_ip.0'), '10.77.0.80');
  writeFileSync(program(), '');
  api.objects.clear();
  api.objects.set('/api/v1/nodes/test-node', { spec: { podCIDR: '10.77.0.64/26' } });
});

const program = (): string => join(node.dir, 'host-local');

/** An address as host-local keeps it. */
function give(ip: string, container: string): void {
  writeFileSync(join(directory, ip), `${container}\r\neth0`);
}

const pod = (name: string, podIP: string, phase = 'Running') => ({
  metadata: { namespace: 'shop', name },
  status: { phase, podIP, podIPs: [{ ip: podIP }] },
});

function run(extra: Record<string, string> = {}, signal = new AbortController().signal): Promise<number> {
  const variables = { KUBERNETES_NODE_NAME: 'test-node', KUBECONFIG: join(node.dir, 'kubeconfig') };
  const options = { directory, programs: [program()], settleMs: 0, retryMs: 20 };
  return runUpgrade({ ...node.environment(), ...variables, ...extra }, signal, options);
}

const isReady = async (): Promise<boolean | undefined> =>
  (await node.resources.get('ClusterInformation', 'default')).spec.datastoreReady;
const held = async (handle: string): Promise<string[]> => (await ipam.ipsByHandle(handle)).map(({ ip }) => ip);

test('what pods of the node have becomes Calico’s, the tunnel’s address too, and host-local’s directory goes', async () => {
  give('10.77.0.70', 'c-web');
  give('10.77.0.71', 'c-gone');
  give('10.77.0.72', 'c-again');
  api.objects.set(podsPath, {
    metadata: { continue: 'more' },
    items: [pod('web', '10.77.0.70'), pod('new', '10.77.0.72')],
  });
  api.objects.set(`${podsPath}&continue=more`, { items: [pod('old', '10.77.0.72', 'Succeeded')] });
  expect(await run()).toBe(0);
  expect(await held('k8s-pod-network.c-web')).toEqual(['10.77.0.70']);
  expect(await held('k8s-pod-network.c-gone')).toEqual([]);
  expect(await ipam.attributesOf(parseIp('10.77.0.72'))).toMatchObject({
    handle_id: 'k8s-pod-network.c-again',
    secondary: { node: 'test-node', namespace: 'shop', pod: 'new' },
  });
  expect(await held('ipip-tunnel-addr-test-node')).toEqual(['10.77.0.65']);
  expect((await node.resources.get('Node', 'test-node')).spec.bgp).toMatchObject({
    ipv4Address: '192.0.2.1/24',
    ipv4IPIPTunnelAddr: '10.77.0.65',
  });
  expect(existsSync(program())).toBe(false);
  expect(existsSync(directory)).toBe(false);
  expect(await isReady()).toBe(true);
  api.asked.length = 0;
  expect(await run()).toBe(0);
  expect(api.asked).toEqual([]);
});

test('host-local’s lock is waited for, and nothing is attached meanwhile', async () => {
  give('10.77.0.73', 'c-locked');
  api.objects.set(podsPath, { items: [pod('locked', '10.77.0.73')] });
  const lock = tryLockFile(join(directory, 'lock'));
  expect(lock).toBeDefined();
  const running = run();
  await expect.poll(isReady).toBe(false);
  expect(readdirSync(directory)).toContain('10.77.0.73');
  lock?.[Symbol.dispose]();
  expect(await running).toBe(0);
  expect(await isReady()).toBe(true);
  expect(await held('k8s-pod-network.c-locked')).toEqual(['10.77.0.73']);
});

test('what an interrupted run left is taken up, until the API answers', async () => {
  give('10.77.0.74', 'c-half');
  give('10.77.0.75', 'c-rest');
  await ipam.assignIp({ ip: parseIp('10.77.0.74'), nodeName: 'test-node', handleId: 'k8s-pod-network.c-half' });
  const running = run();
  const tries = (): number => api.asked.filter((line) => line.endsWith(podsPath)).length;
  const before = tries();
  await expect.poll(tries).toBeGreaterThan(before + 1);
  expect(await isReady()).toBe(false);
  api.objects.set(podsPath, { items: [pod('half', '10.77.0.74'), pod('rest', '10.77.0.75')] });
  expect(await running).toBe(0);
  expect(await isReady()).toBe(true);
  expect(await held('k8s-pod-network.c-half')).toEqual(['10.77.0.74']);
  expect(await held('k8s-pod-network.c-rest')).toEqual(['10.77.0.75']);
});

test('an empty directory goes, and programs stay', async () => {
  for (const name of readdirSync(directory)) rmSync(join(directory, name));
  expect(await run()).toBe(0);
  expect(existsSync(directory)).toBe(false);
  expect(existsSync(program())).toBe(true);
});

test('without a node’s name, or once it is told to end, it fails', async () => {
  expect(await run({ KUBERNETES_NODE_NAME: '', CALICO_LOG_LEVEL: 'silent' })).toBe(1);
  const { code, stderr } = await node.exec('calico-ipam', { CALICO_LOG_LEVEL: 'error' }, '', ['-upgrade']);
  expect(code).toBe(1);
  expect(stderr).toContain('KUBERNETES_NODE_NAME');
  give('10.77.0.76', 'c-never');
  expect(await run({}, AbortSignal.abort())).toBe(1);
  expect(readdirSync(directory)).toContain('10.77.0.76');
});
