import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Ipam } from '@calico-node/ipam';
import type { WorkloadEndpoint } from '@calico-node/model';
import { createVeth, isolateNetwork, readSysctl, RouteSocket } from '@calico-node/netlink';
import { felixV1 } from '@calico-node/rpc';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { startFakeFelix } from './support/fake-felix.ts';
import { TestNode, type Outcome } from './support/test-node.ts';

interface CniResult {
  readonly interfaces: { name: string; mac?: string; sandbox?: string }[];
  readonly ips: { address: string; interface: number }[];
}

isolateNetwork();
let node: TestNode;

beforeAll(async () => {
  node = await TestNode.start();
});

afterAll(async () => {
  await node[Symbol.asyncDispose]();
});

const config = (extra: object = {}): string =>
  JSON.stringify({ cniVersion: '1.0.0', name: 'net', type: 'calico', ipam: { type: 'calico-ipam' }, ...extra });

function call(
  command: string,
  containerId: string,
  netns: string,
  stdin = config(),
  env: Record<string, string> = {},
): Promise<Outcome> {
  const variables = { CNI_COMMAND: command, CNI_CONTAINERID: containerId, CNI_NETNS: netns, CNI_IFNAME: 'eth0' };
  return node.exec('calico', { ...variables, CNI_PATH: '/opt/cni/bin', ...env }, stdin);
}

async function add(
  containerId: string,
  netns: string,
  stdin?: string,
  env?: Record<string, string>,
): Promise<CniResult> {
  const { code, stdout, stderr } = await call('ADD', containerId, netns, stdin, env);
  expect(stdout + stderr).not.toContain('"code"');
  expect(code).toBe(0);
  return JSON.parse(stdout) as CniResult;
}

async function del(containerId: string, netns: string, stdin?: string): Promise<void> {
  expect(await call('DEL', containerId, netns, stdin)).toMatchObject({ code: 0, stdout: '' });
}

async function failure(outcome: Promise<Outcome>): Promise<{ code: number; msg: string }> {
  const { code, stdout } = await outcome;
  expect(code).toBe(1);
  return JSON.parse(stdout) as { code: number; msg: string };
}

async function endpoints(): Promise<readonly WorkloadEndpoint[]> {
  return (await node.resources.list('WorkloadEndpoint')).items;
}

const heldBy = async (handle: string): Promise<string[]> =>
  (await new Ipam(node.backend).ipsByHandle(handle)).map(({ ip }) => ip);

const linkNames = (netns?: string): string[] => {
  using socket = RouteSocket.open(netns === undefined ? {} : { netns });
  return socket.listLinks().map((link) => link.name);
};

describe.each(['the server', 'the program itself'])('an attachment made by %s', (who) => {
  beforeAll(async () => {
    if (who === 'the server') await node.startServer();
  });

  afterAll(async () => {
    await node.stopServer();
    expect(existsSync(join(node.dir, 'run/cni.sock'))).toBe(false);
  });

  test('has an address, an interface, routes, and an endpoint that felix has seen', async () => {
    const netns = node.workload();
    const result = await add('c1', netns, config({ mtu: 1400, args: { labels: { app: 'web' } } }));
    const [address] = result.ips;
    expect(address!.address).toMatch(/^10\.77\.0\.\d+\/32$/);
    const ip = address!.address.split('/')[0]!;
    expect(result.interfaces).toEqual([
      { name: 'calic1' },
      { name: 'eth0', mac: expect.stringMatching(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/) as string, sandbox: netns },
    ]);
    {
      using inside = RouteSocket.open({ netns });
      const link = inside.getLink('eth0')!;
      expect(link).toMatchObject({ up: true, mtu: 1400, mac: result.interfaces[1]!.mac, kind: 'veth' });
      expect(inside.listAddresses({ family: 4, interfaceIndex: link.index })).toMatchObject([{ ip, prefixLength: 32 }]);
      const routes = inside
        .listRoutes({ family: 4 })
        .map(({ destination, gateway, scope }) => ({ destination, gateway, scope }));
      expect(routes).toEqual([
        { destination: '0.0.0.0/0', gateway: '169.254.1.1', scope: 'universe' },
        { destination: '169.254.1.1/32', gateway: undefined, scope: 'link' },
      ]);
      // The host has no default route here, so proxy ARP would not answer for the gateway.
      expect(inside.listNeighbours({ family: 4, interfaceIndex: link.index })).toMatchObject([
        { ip: '169.254.1.1', mac: 'ee:ee:ee:ee:ee:ee', state: 'permanent' },
      ]);
      expect(readSysctl('net/ipv4/ip_forward', { netns })).toBe('0');
    }
    {
      using host = RouteSocket.open();
      expect(host.getLink('calic1')).toMatchObject({ up: true, mtu: 1400, mac: 'ee:ee:ee:ee:ee:ee' });
      for (const name of ['forwarding', 'proxy_arp', 'route_localnet']) {
        expect(readSysctl(`net/ipv4/conf/calic1/${name}`)).toBe('1');
      }
    }
    const [endpoint] = await endpoints();
    expect(endpoint).toMatchObject({
      metadata: {
        name: 'test--node-cni-c1-eth0',
        namespace: 'default',
        labels: { app: 'web', 'projectcalico.org/namespace': 'default', 'projectcalico.org/orchestrator': 'cni' },
      },
      spec: {
        orchestrator: 'cni',
        node: 'test-node',
        containerID: 'c1',
        endpoint: 'eth0',
        ipNetworks: [`${ip}/32`],
        profiles: ['net'],
        interfaceName: 'calic1',
        mac: result.interfaces[1]!.mac,
      },
    });
    expect(node.felix.asked.at(-1)).toEqual({
      id: { orchestratorId: 'cni', workloadId: 'default/c1', endpointId: 'eth0' },
      minRevision: BigInt(endpoint!.metadata.resourceVersion!),
    });
    expect((await node.resources.get('Profile', 'net')).spec).toMatchObject({
      labelsToApply: { net: '' },
      ingress: [{ action: 'Allow', source: { selector: 'has(net)' } }],
      egress: [{ action: 'Allow' }],
    });
    expect(await heldBy('net.c1')).toEqual([ip]);

    const prevResult = { cniVersion: '1.0.0', ...result };
    expect(await call('CHECK', 'c1', netns, config({ prevResult }))).toMatchObject({ code: 0, stdout: '' });

    await del('c1', netns);
    expect(await endpoints()).toEqual([]);
    expect(await heldBy('net.c1')).toEqual([]);
    expect(linkNames()).not.toContain('calic1');
    expect(linkNames(netns)).not.toContain('eth0');
    expect((await failure(call('CHECK', 'c1', netns, config({ prevResult })))).msg).toContain('no WorkloadEndpoint');
    node.removeWorkload(netns);
  });

  test('has IPv6 with the link-local gateway when asked for', async () => {
    const netns = node.workload();
    const result = await add('c6', netns, config({ ipam: { type: 'calico-ipam', assign_ipv6: 'true' } }));
    expect(result.ips.map(({ address }) => address)).toEqual([
      expect.stringMatching(/^10\.77\.0\.\d+\/32$/),
      expect.stringMatching(/^fd77::[0-9a-f]*\/128$/),
    ]);
    using inside = RouteSocket.open({ netns });
    const index = inside.getLink('eth0')!.index;
    const routes = inside.listRoutes({ family: 6 }).filter((route) => route.interfaceIndex === index);
    expect(routes).toContainEqual(
      expect.objectContaining({ destination: '::/0', gateway: 'fe80::ecee:eeff:feee:eeee' }),
    );
    using host = RouteSocket.open();
    const hostEnd = host.getLink('calic6')!;
    expect(host.listAddresses({ family: 6, interfaceIndex: hostEnd.index })).toMatchObject([
      { ip: 'fe80::ecee:eeff:feee:eeee', isTentative: false },
    ]);
    await del('c6', netns);
    node.removeWorkload(netns);
  });

  test('is the same when it is added again', async () => {
    const netns = node.workload();
    const first = await add('c2', netns);
    const before = await endpoints();
    expect(await add('c2', netns)).toEqual(first);
    expect(await endpoints()).toEqual(before);
    await del('c2', netns);
    node.removeWorkload(netns);
  });

  test('is completed when its ADD was interrupted', async () => {
    const netns = node.workload();
    const first = await add('c3', netns);
    // The endpoint was never written, and the interface has lost its address.
    await node.resources.delete('WorkloadEndpoint', 'test--node-cni-c3-eth0', 'default');
    const second = await add('c3', netns);
    expect(second).toEqual(first);
    expect(await endpoints()).toHaveLength(1);
    await del('c3', netns);
    node.removeWorkload(netns);
  });

  test('goes without trace when its namespace has vanished, and when it never was', async () => {
    const netns = node.workload();
    await add('c4', netns);
    node.removeWorkload(netns);
    await del('c4', netns);
    await del('c4', netns);
    await del('never', '');
    expect(await endpoints()).toEqual([]);
    expect(await heldBy('net.c4')).toEqual([]);
    expect(linkNames().filter((name) => name.startsWith('cali'))).toEqual([]);
  });

  test('is refused for a namespace that is not there', async () => {
    expect(await failure(call('ADD', 'c5', '/run/netns/cnt-none'))).toMatchObject({ code: 3 });
    expect(await heldBy('net.c5')).toEqual([]);
  });
});

describe('an attachment', () => {
  beforeAll(async () => {
    await node.startServer();
  });

  afterAll(async () => {
    await node.stopServer();
  });

  let netns: string;
  beforeEach(() => {
    netns = node.workload();
  });
  afterEach(() => {
    node.felix.state = felixV1.EndpointState.UP;
    node.removeWorkload(netns);
  });

  test('is undone when felix does not program it in time, with "try again later"', { timeout: 30_000 }, async () => {
    node.felix.state = undefined;
    expect(await failure(call('ADD', 'slow', netns))).toMatchObject({ code: 11 });
    expect(await endpoints()).toEqual([]);
    expect(await heldBy('net.slow')).toEqual([]);
    expect(linkNames(netns)).not.toContain('eth0');
  });

  test('is not begun when felix is not there, unless the configuration does without', async () => {
    await node.felix.stop();
    rmSync(join(node.dir, 'run/felix.sock'), { force: true });
    expect(await failure(call('ADD', 'nofelix', netns))).toMatchObject({ code: 11 });
    expect(linkNames(netns)).not.toContain('eth0');
    const lenient = config({ policy_setup_timeout_seconds: 1 });
    expect((await add('nofelix', netns, lenient)).ips).toHaveLength(1);
    await del('nofelix', netns, lenient);
    node.felix = await startFakeFelix(join(node.dir, 'run/felix.sock'));
  });

  const setReady = async (datastoreReady: boolean): Promise<void> => {
    const info = await node.resources.get('ClusterInformation', 'default');
    await node.resources.update({ ...info, spec: { ...info.spec, datastoreReady } });
  };

  test('stays while the cluster is not ready, and goes after', async () => {
    await add('kept', netns);
    await setReady(false);
    for (const _ of ['remembered', 'looked up']) {
      expect(await failure(call('DEL', 'kept', netns))).toMatchObject({ code: 11 });
      expect(await endpoints()).toHaveLength(1);
      expect(await heldBy('net.kept')).toHaveLength(1);
    }
    await setReady(true);
    await del('kept', netns);
    expect(await endpoints()).toEqual([]);
    expect(await heldBy('net.kept')).toEqual([]);
  });

  test('is refused once the cluster is no longer ready, whatever the server remembers, and nothing is left', async () => {
    await add('before', netns);
    await del('before', netns);
    await setReady(false);
    expect(await failure(call('ADD', 'locked', netns))).toMatchObject({ code: 11 });
    await setReady(true);
    expect(await endpoints()).toEqual([]);
    expect(await heldBy('net.locked')).toEqual([]);
    expect(linkNames(netns)).not.toContain('eth0');
  });

  test('gets its network’s profile made anew when somebody has deleted it', async () => {
    await add('first', netns);
    await del('first', netns);
    await node.resources.delete('Profile', 'net');
    await add('second', netns);
    expect((await node.resources.get('Profile', 'net')).spec.labelsToApply).toEqual({ net: '' });
    await del('second', netns);
  });

  test('gets the address that CNI_ARGS asks for, and no other container gets it', async () => {
    const env = { CNI_ARGS: 'IgnoreUnknown=1;IP=10.77.0.200' };
    const other = node.workload();
    expect((await add('ip1', netns, config(), env)).ips[0]!.address).toBe('10.77.0.200/32');
    expect((await add('ip1', netns, config(), env)).ips[0]!.address).toBe('10.77.0.200/32');
    expect((await failure(call('ADD', 'ip2', other, config(), env))).msg).toContain('10.77.0.200');
    await del('ip1', netns);
    node.removeWorkload(other);
  });

  test('of a pod is named after it and outlives the DEL of its predecessor', async () => {
    const args = { CNI_ARGS: 'K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0' };
    await add('old', netns, config(), args);
    const second = node.workload();
    await add('new', second, config(), args);
    expect(await call('DEL', 'old', netns, config(), args)).toMatchObject({ code: 0 });
    const [endpoint] = await endpoints();
    expect(endpoint).toMatchObject({
      metadata: { name: 'test--node-k8s-web--0-eth0', namespace: 'shop' },
      spec: { orchestrator: 'k8s', pod: 'web-0', containerID: 'new' },
    });
    expect(linkNames()).toContain(endpoint!.spec.interfaceName);
    expect(await heldBy('net.old')).toEqual([]);
    expect(await call('DEL', 'new', second, config(), args)).toMatchObject({ code: 0 });
    expect(await endpoints()).toEqual([]);
    node.removeWorkload(second);
  });

  test('keeps its interface when another container has the same first characters', async () => {
    const second = node.workload();
    await add('aaaaaaaaaaa1', netns);
    const result = await add('aaaaaaaaaaa2', second);
    expect(result.interfaces[0]!.name).not.toBe('caliaaaaaaaaaaa');
    expect(linkNames(netns)).toContain('eth0');
    await del('aaaaaaaaaaa2', second);
    expect(linkNames(netns)).toContain('eth0');
    await del('aaaaaaaaaaa1', netns);
    node.removeWorkload(second);
  });

  test('on a further network keeps its address and gets the further profile', async () => {
    const first = await add('two', netns);
    const second = await add('two', netns, config({ name: 'further' }));
    expect(second.ips).toEqual(first.ips);
    expect((await endpoints())[0]!.spec.profiles).toEqual(['net', 'further']);
    expect(await heldBy('further.two')).toEqual([]);
    await del('two', netns, config({ name: 'further' }));
    await del('two', netns);
    expect(await heldBy('net.two')).toEqual([]);
  });

  test('with labels that cannot be is refused, and nothing is left', async () => {
    const bad = config({ args: { labels: { 'no good': 'x' } } });
    expect(await failure(call('ADD', 'label', netns, bad))).toMatchObject({ code: 7 });
    expect(linkNames(netns)).not.toContain('eth0');
    expect(await heldBy('net.label')).toEqual([]);
  });

  test('has an address of its own for each interface', async () => {
    const first = await add('multi', netns);
    const second = await add('multi', netns, config(), { CNI_IFNAME: 'net1' });
    expect(second.ips[0]!.address).not.toBe(first.ips[0]!.address);
    expect(linkNames(netns).toSorted()).toEqual(['eth0', 'lo', 'net1']);
    await call('DEL', 'multi', netns, config(), { CNI_IFNAME: 'net1' });
    expect(linkNames(netns)).toContain('eth0');
    await del('multi', netns);
    expect(await endpoints()).toEqual([]);
  });

  test('does not replace an interface that is not ours', async () => {
    {
      using inside = RouteSocket.open({ netns });
      inside.apply([createVeth({ name: 'eth0', peer: { name: 'other0' } })]);
    }
    expect(await failure(call('ADD', 'taken', netns))).toMatchObject({ code: 4 });
    expect(linkNames(netns)).toContain('eth0');
    expect(await heldBy('net.taken')).toEqual([]);
    await del('taken', netns);
    expect(linkNames(netns)).toContain('eth0');
  });

  test('goes with GC when the runtime no longer has it', async () => {
    const second = node.workload();
    const version = { cniVersion: '1.1.0' };
    await add('keep', netns, config(version));
    await add('lost', second, config(version));
    const valid = { ...version, 'cni.dev/valid-attachments': [{ containerID: 'keep', ifname: 'eth0' }] };
    expect(await call('GC', '', '', config(valid))).toMatchObject({ code: 0, stdout: '' });
    expect((await endpoints()).map((endpoint) => endpoint.spec.containerID)).toEqual(['keep']);
    expect(await heldBy('net.lost')).toEqual([]);
    expect(linkNames(second)).not.toContain('eth0');
    await del('keep', netns, config(version));
    node.removeWorkload(second);
  });

  test('is served when STATUS says so, and STATUS says why it is not', async () => {
    const status = (): Promise<Outcome> => call('STATUS', '', '', config({ cniVersion: '1.1.0' }));
    expect(await status()).toMatchObject({ code: 0, stdout: '' });
    const information = await node.resources.get('ClusterInformation', 'default');
    await node.resources.update({ ...information, spec: { ...information.spec, datastoreReady: false } });
    const verdict = await failure(status());
    expect(verdict).toMatchObject({ code: 50 });
    expect(verdict.msg).toContain('datastore is not ready');
    expect(await failure(call('ADD', 'early', netns))).toMatchObject({ code: 11 });
    const again = await node.resources.get('ClusterInformation', 'default');
    await node.resources.update({ ...again, spec: { ...again.spec, datastoreReady: true } });
  });

  test('takes its addresses from the IPAM plug-in alone when another network plug-in asks', async () => {
    const variables = { CNI_COMMAND: 'ADD', CNI_CONTAINERID: 'ipam1', CNI_NETNS: netns, CNI_IFNAME: 'eth0' };
    const { code, stdout } = await node.exec('calico-ipam', variables, config({ cniVersion: '0.2.0' }));
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      cniVersion: '0.2.0',
      ip4: { ip: expect.stringMatching(/\/26$/) as string },
    });
    expect(await heldBy('net.ipam1')).toHaveLength(1);
    const released = await node.exec('calico-ipam', { ...variables, CNI_COMMAND: 'DEL' }, config());
    expect(released).toMatchObject({ code: 0, stdout: '' });
    expect(await heldBy('net.ipam1')).toEqual([]);
  });

  test('is made by the program itself when the server dies in the middle', async () => {
    node.felix.state = undefined;
    const pending = call('ADD', 'killed', netns);
    await expect.poll(() => node.felix.asked.some((request) => request.id?.workloadId === 'default/killed')).toBe(true);
    await node.stopServer('SIGKILL');
    node.felix.state = felixV1.EndpointState.UP;
    expect((await pending).code).toBe(0);
    await del('killed', netns);
    expect(await endpoints()).toEqual([]);
    rmSync(join(node.dir, 'run/cni.sock'), { force: true });
    await node.startServer();
  });

  test.each([
    ['a missing command', { CNI_COMMAND: '' }, config(), 4],
    ['an unknown command', { CNI_COMMAND: 'FETCH' }, config(), 4],
    ['a missing container', { CNI_CONTAINERID: '' }, config(), 4],
    ['a missing namespace', { CNI_NETNS: '' }, config(), 4],
    ['a missing interface name', { CNI_IFNAME: '' }, config(), 4],
    ['an interface name that no interface can have', { CNI_IFNAME: 'sixteen-letters-' }, config(), 4],
    ['a container that cannot be named in the store', { CNI_CONTAINERID: 'ends-' }, config(), 4],
    ['malformed CNI_ARGS', { CNI_ARGS: 'K8S' }, config(), 4],
    ['what is not JSON', {}, '{"name": ', 6],
    ['an empty configuration', {}, '', 6],
    ['JSON that is no object', {}, '[]', 6],
    ['a version of the future', {}, config({ cniVersion: '9.0.0' }), 1],
    ['a missing name', {}, config({ name: undefined }), 7],
    ['a missing IPAM type', {}, config({ ipam: {} }), 7],
    ['a field of the wrong type', {}, config({ mtu: 'big' }), 7],
    ['a field that is not supported', {}, config({ policy: { type: 'mesos' } }), 2],
  ])('is refused for %s with the code of the specification', async (_, env, stdin, code) => {
    expect(await failure(call('ADD', 'bad', '/run/netns/x', stdin, env))).toMatchObject({ code });
    expect(await endpoints()).toEqual([]);
  });

  test('is logged where, and as much as, its configuration says', async () => {
    const path = join(node.dir, 'logs/cni.log');
    const said = (): Record<string, unknown>[] =>
      readFileSync(path, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    const logged = (level: string): string => config({ log_level: level, log_file_path: path });
    await add('logged', netns, logged('Info'));
    // The line is written after the answer.
    await vi.waitUntil(() => existsSync(path), { timeout: 10_000 });
    expect(said()).toMatchObject([{ level: 'info', command: 'ADD', container: 'logged', msg: 'served a CNI call' }]);
    await del('logged', netns, logged('error'));
    expect(said()).toHaveLength(1);
    await failure(call('ADD', 'logged', '/run/netns/cnt-none', logged('warning')));
    expect(said()[1]).toMatchObject({ level: 'warn', msg: 'a CNI call failed', code: 3 });
  });

  test('answers VERSION in any state', async () => {
    const { code, stdout } = await node.exec('calico', { CNI_COMMAND: 'VERSION' }, '{"cniVersion":"0.4.0"}');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      cniVersion: '0.4.0',
      supportedVersions: ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'],
    });
  });
});

describe('the server', () => {
  // Of this test's own network namespace.
  const address = '127.0.0.1:9194';

  beforeAll(async () => {
    // It rehearses once its sockets are there.
    await node.startIpam();
    await node.startServer({ CALICO_HEALTH_ADDRESS: address });
  });

  afterAll(async () => {
    await node.stopServer();
    await node.stopIpam();
  });

  test('changes nothing when it rehearses an ADD', async () => {
    await vi.waitUntil(async () => (await fetch(`http://${address}/readiness`)).ok, { timeout: 10_000 });
    await vi.waitUntil(() => node.felix.asked.some(({ id }) => id?.workloadId.includes('none')), { timeout: 10_000 });
    expect(await endpoints()).toEqual([]);
    expect(await heldBy('none')).toEqual([]);
    expect(linkNames().filter((name) => name.startsWith('cali'))).toEqual([]);
  });

  test('counts calls by command and result, and says how long they took', async () => {
    const netns = node.workload();
    await add('counted', netns);
    await del('counted', netns);
    await failure(call('ADD', 'counted', '/run/netns/cnt-none'));
    const text = await (await fetch(`http://${address}/metrics`)).text();
    for (const line of [
      'cni_calls_total{command="ADD",result="ok"} 1',
      'cni_calls_total{command="ADD",result="3"} 1',
      'cni_calls_total{command="DEL",result="ok"} 1',
      'cni_call_duration_seconds_count{command="ADD"} 2',
      'cni_calls_under_way 0',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    node.removeWorkload(netns);
  });
});
