/*
 * What each key of a network configuration does to an attachment, with the rest left at Calico's defaults.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { isolateNetwork, readSysctl, RouteSocket } from '@calico-node/netlink';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { statusFileName } from '../src/felix/status-file.ts';
import { startFakeFelix } from './support/fake-felix.ts';
import { TestNode, type Outcome } from './support/test-node.ts';

type Json = Readonly<Record<string, unknown>>;

interface Result {
  readonly ips: readonly { readonly address: string }[];
  readonly routes: readonly { readonly dst: string; readonly gw?: string }[];
}

isolateNetwork();
let node: TestNode;
let netns: string;

beforeAll(async () => {
  node = await TestNode.start();
  await node.startServer();
});

afterAll(async () => {
  await node[Symbol.asyncDispose]();
});

beforeEach(() => {
  netns = node.workload();
});

afterEach(() => {
  node.removeWorkload(netns);
});

const configuration = (extra: Json): Json => ({
  cniVersion: '1.0.0',
  name: 'net',
  type: 'calico',
  ipam: { type: 'calico-ipam' },
  ...extra,
});

function call(command: string, extra: Json = {}, env: Record<string, string> = {}): Promise<Outcome> {
  const variables = { CNI_COMMAND: command, CNI_CONTAINERID: 'c', CNI_NETNS: netns, CNI_IFNAME: 'eth0' };
  return node.exec('calico', { ...variables, CNI_PATH: '/usr/lib/cni', ...env }, JSON.stringify(configuration(extra)));
}

async function add(extra: Json = {}): Promise<Result> {
  const { code, stdout, stderr } = await call('ADD', extra);
  expect({ code, text: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, text: '' });
  return JSON.parse(stdout) as Result;
}

async function del(extra: Json = {}): Promise<void> {
  expect(await call('DEL', extra)).toMatchObject({ code: 0, stdout: '' });
}

async function refusal(command: string, extra: Json): Promise<{ code: number; msg: string }> {
  const { code, stdout } = await call(command, extra);
  expect(code).toBe(1);
  return JSON.parse(stdout) as { code: number; msg: string };
}

const endpoints = async () => (await node.resources.list('WorkloadEndpoint')).items;
const mtuInside = (): number | undefined => {
  using inside = RouteSocket.open({ netns });
  return inside.getLink('eth0')?.mtu;
};

describe('the node’s name', () => {
  const file = (): string => join(node.dir, 'lib/nodename');

  beforeAll(async () => {
    for (const name of ['by-key', 'by-file', 'by-hostname', hostname().trim().toLowerCase()]) {
      const metadata = { name };
      await node.resources.create({ kind: 'Node', apiVersion: 'projectcalico.org/v3', metadata, spec: {} });
    }
  });

  afterEach(() => {
    writeFileSync(file(), 'test-node');
  });

  const nodeOf = async (extra: Json): Promise<string | undefined> => {
    await add(extra);
    const [endpoint] = await endpoints();
    await del(extra);
    expect(await endpoints()).toEqual([]);
    return endpoint?.spec.node;
  };

  test('is `nodename`, or in the file that `nodename_file` names', async () => {
    writeFileSync(join(node.dir, 'name'), 'by-file\n');
    const nodenameFile = { nodename_file: join(node.dir, 'name') };
    expect(await nodeOf({ nodename: 'by-key', ...nodenameFile, hostname: 'by-hostname' })).toBe('by-key');
    expect(await nodeOf({ ...nodenameFile, hostname: 'by-hostname' })).toBe('by-file');
    expect(await nodeOf({})).toBe('test-node');
  });

  test('without the file is known to nobody, neither for ADD nor for DEL, unless `nodename_file_optional`', async () => {
    rmSync(file());
    expect(await refusal('ADD', { nodename: 'by-key' })).toMatchObject({ code: 11 });
    expect(await refusal('DEL', { nodename: 'by-key' })).toMatchObject({ code: 11 });
    const optional = { nodename_file_optional: true };
    expect(await nodeOf({ ...optional, hostname: 'by-hostname' })).toBe('by-hostname');
    expect(await nodeOf({ ...optional, kubernetes: { node_name: 'by-hostname' } })).toBe('by-hostname');
    expect(await nodeOf(optional)).toBe(hostname().trim().toLowerCase());
  });
});

test('the MTU is `mtu`, else that of Felix’s file, else 1500; a file that is broken, or has to be there, fails the ADD', async () => {
  const file = join(node.dir, 'lib/mtu');
  const mtuWith = async (extra: Json): Promise<number | undefined> => {
    await add(extra);
    const mtu = mtuInside();
    await del();
    return mtu;
  };
  expect(await mtuWith({})).toBe(1500);
  expect(await refusal('ADD', { require_mtu_file: true })).toMatchObject({ code: 11 });
  writeFileSync(file, '1380\n');
  expect(await mtuWith({ require_mtu_file: true })).toBe(1380);
  expect(await mtuWith({ mtu: 1400 })).toBe(1400);
  writeFileSync(file, 'large');
  expect(await refusal('ADD', { mtu: 1400 })).toMatchObject({ code: 5 });
  expect(mtuInside()).toBeUndefined();
  rmSync(file);
});

test('`num_queues` is how many transmit and receive queues both ends have', async () => {
  const queues = (...command: string[]): unknown[] => {
    const [link] = JSON.parse(execFileSync('ip', ['-d', '-j', ...command]).toString()) as Json[];
    return [link?.['num_tx_queues'], link?.['num_rx_queues']];
  };
  const inside = ['-n', netns.slice('/run/netns/'.length), 'link', 'show', 'eth0'];
  await add();
  expect([queues(...inside), queues('link', 'show', 'calic')]).toEqual([
    [1, 1],
    [1, 1],
  ]);
  await del();
  await add({ num_queues: 3 });
  expect([queues(...inside), queues('link', 'show', 'calic')]).toEqual([
    [3, 3],
    [3, 3],
  ]);
  await del();
});

test('sysctls are Calico’s on both sides, and `allow_ip_forwarding` is for the container’s', async () => {
  const dual = { ipam: { type: 'calico-ipam', assign_ipv6: 'true' } };
  const inside = (...names: string[]): string[] => names.map((name) => readSysctl(name, { netns }));
  const forwarding = ['net/ipv4/ip_forward', 'net/ipv6/conf/all/forwarding'];
  await add(dual);
  expect(inside(...forwarding)).toEqual(['0', '0']);
  const devices = ['all', 'default', 'lo', 'eth0'].map((name) => `net/ipv6/conf/${name}/disable_ipv6`);
  expect(inside(...devices, 'net/ipv6/conf/eth0/accept_dad')).toEqual(['0', '0', '0', '0', '0']);
  const host = Object.entries({
    'ipv4/conf/calic/route_localnet': '1',
    'ipv4/conf/calic/proxy_arp': '1',
    'ipv4/conf/calic/forwarding': '1',
    'ipv4/neigh/calic/proxy_delay': '0',
    'ipv6/conf/calic/disable_ipv6': '0',
    'ipv6/conf/calic/accept_dad': '0',
    'ipv6/conf/calic/proxy_ndp': '1',
    'ipv6/conf/calic/forwarding': '1',
    'ipv6/conf/calic/accept_ra': '0',
  });
  for (const [name, value] of host) expect([name, readSysctl(`net/${name}`)]).toEqual([name, value]);
  await del();
  await add({ ...dual, container_settings: { allow_ip_forwarding: true } });
  expect(inside(...forwarding)).toEqual(['1', '1']);
  await del();
});

describe('addresses', () => {
  beforeAll(async () => {
    for (const [name, cidr] of [
      ['wanted4', '10.79.0.0/24'],
      ['wanted6', 'fd79::/112'],
    ] as const) {
      await node.resources.create({
        kind: 'IPPool',
        apiVersion: 'projectcalico.org/v3',
        metadata: { name },
        spec: { cidr, nodeSelector: '!all()' },
      });
    }
  });

  test('are of the families that `assign_ipv4` and `assign_ipv6` say', async () => {
    const addressesWith = async (ipam: Json): Promise<string[]> => {
      const { ips } = await add({ ipam: { type: 'calico-ipam', ...ipam } });
      await del();
      return ips.map(({ address }) => address.replace(/[^.:].*\//, '/'));
    };
    const [only4, only6, both] = [
      await addressesWith({}),
      await addressesWith({ assign_ipv4: 'false', assign_ipv6: 'true' }),
      await addressesWith({ assign_ipv6: 'true' }),
    ];
    expect([only4, only6, both]).toEqual([['/32'], ['/128'], ['/32', '/128']]);
    const none = { ipam: { type: 'calico-ipam', assign_ipv4: 'false' } };
    expect(await refusal('ADD', none)).toMatchObject({ code: 7 });
  });

  test('are of the pools that `ipv4_pools` and `ipv6_pools` name, by name or network', async () => {
    for (const [ipv4, ipv6] of [
      ['wanted4', 'fd79::/112'],
      ['10.79.0.0/24', 'wanted6'],
    ]) {
      const ipam = { type: 'calico-ipam', assign_ipv6: 'true', ipv4_pools: [ipv4], ipv6_pools: [ipv6] };
      const { ips } = await add({ ipam });
      expect(ips.map(({ address }) => address)).toEqual([
        expect.stringMatching(/^10\.79\.0\./),
        expect.stringMatching(/^fd79::/),
      ]);
      await del();
    }
    const unknown = { ipam: { type: 'calico-ipam', ipv4_pools: ['nowhere'] } };
    expect((await refusal('ADD', unknown)).msg).toContain('nowhere');
  });

  test('of host-local come with its routes, and with the default ones too where `include_default_routes`', async ({
    skip,
  }) => {
    if (!node.hasPlugin('host-local')) skip('needs containernetworking-plugins');
    const dataDir = join(node.dir, 'routes');
    mkdirSync(dataDir);
    const ipam = (routes: Json): Json => ({
      ipam: { type: 'host-local', dataDir, ranges: [[{ subnet: '10.98.0.0/24' }]], ...routes },
    });
    const routesWith = async (extra: Json): Promise<string[][]> => {
      const { routes } = await add(extra);
      using inside = RouteSocket.open({ netns });
      const kernel = inside.listRoutes({ family: 4 }).filter(({ gateway }) => gateway === '169.254.1.1');
      await del(extra);
      return [routes.map(({ dst }) => dst), kernel.map(({ destination }) => destination).toSorted()];
    };
    const listed = { routes: [{ dst: '10.0.0.0/8' }] };
    expect(await routesWith(ipam({}))).toEqual([['0.0.0.0/0'], ['0.0.0.0/0']]);
    expect(await routesWith(ipam(listed))).toEqual([['10.0.0.0/8'], ['10.0.0.0/8']]);
    expect(await routesWith({ ...ipam(listed), include_default_routes: true })).toEqual([
      ['10.0.0.0/8', '0.0.0.0/0'],
      ['0.0.0.0/0', '10.0.0.0/8'],
    ]);
  });
});

test('an ADD passes the `readiness_gates` first', async () => {
  let asked = 0;
  const gate = createServer((_, response) => {
    asked++;
    response.writeHead(204).end();
  });
  // In the namespace of this test, where the server is too.
  await new Promise<void>((resolve) => gate.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(gate.address() as AddressInfo).port}/ready`;
  await add({ readiness_gates: [url] });
  expect(asked).toBe(1);
  await del({ readiness_gates: [url] });
  gate.closeAllConnections();
  gate.close();
});

test('with `policy_setup_timeout_seconds` an ADD waits for the file by which Calico’s Felix says that it is done', async () => {
  await node.felix.stop();
  rmSync(join(node.dir, 'run/felix.sock'), { force: true });
  const directory = join(node.dir, 'endpoint-status');
  mkdirSync(directory);
  const patient = { policy_setup_timeout_seconds: 60, endpoint_status_dir: directory };
  let isDone = false;
  const adding = call('ADD', patient).finally(() => (isDone = true));
  await expect.poll(endpoints, { timeout: 15_000 }).toHaveLength(1);
  expect(isDone).toBe(false);
  const name = statusFileName({ orchestrator: 'cni', namespace: 'default', containerId: 'c', endpoint: 'eth0' });
  writeFileSync(join(directory, name), '{}');
  expect(await adding).toMatchObject({ code: 0 });
  await del(patient);
  node.felix = await startFakeFelix(join(node.dir, 'run/felix.sock'));
});

test('what a call cannot do is refused by its key', async () => {
  expect(await refusal('ADD', { feature_control: { ip_addrs_no_ipam: true } })).toMatchObject({
    code: 7,
    msg: expect.stringContaining('ip_addrs_no_ipam') as string,
  });
  for (const [extra, key] of [
    [{ device_type: 'tap' }, 'device_type'],
    [{ dataplane_options: { type: 'vpp' } }, 'dataplane_options.type'],
  ] as const) {
    const said = await refusal('ADD', extra);
    expect(said).toMatchObject({ code: 2, msg: expect.stringContaining(key) as string });
  }
  expect(await endpoints()).toEqual([]);
});

test('keys that change nothing on Linux are taken, and a veth pair takes the place of netkit devices', async () => {
  const others = {
    device_type: 'netkit',
    mode: 'vxlan',
    qps: 10,
    burst: 20,
    ipam_lock_file: join(node.dir, 'lock'),
    calico_api_group: '',
  };
  await add(others);
  await del(others);
});

test('`calico -t` tells whether the store can be used, with the server and without', async () => {
  const setReady = async (datastoreReady: boolean): Promise<void> => {
    const info = await node.resources.get('ClusterInformation', 'default');
    await node.resources.update({ ...info, spec: { ...info.spec, datastoreReady } });
  };
  const tried = (extra: Json = {}): Promise<Outcome> =>
    node.exec('calico', {}, JSON.stringify(configuration(extra)), ['-t']);
  const failed = {
    code: 1,
    stdout: expect.stringContaining('"code":100,"msg":"data store connection failed"') as string,
  };
  for (const isServed of [true, false]) {
    if (!isServed) await node.stopServer();
    expect(await tried()).toEqual({ code: 0, stdout: '', stderr: '' });
    await setReady(false);
    expect(await tried()).toMatchObject(failed);
    await setReady(true);
  }
  expect(await tried({ etcd_endpoints: 'http://127.0.0.1:1' })).toMatchObject(failed);
  expect(await node.exec('calico-ipam', {}, '{}', ['-t'])).toMatchObject({ code: 2 });
  await node.startServer();
});

test('the store is the one that the configuration names, whatever the server’s own is', async () => {
  await node.stopServer();
  const own = node.etcd.endpoints.join(',');
  await node.startServer({ ETCD_ENDPOINTS: 'http://127.0.0.1:1' });
  const named = { datastore_type: 'etcdv3', etcd_endpoints: own };
  await add(named);
  expect(await endpoints()).toHaveLength(1);
  await del(named);
  expect(await endpoints()).toEqual([]);
});
