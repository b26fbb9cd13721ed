/*
 * The plug-ins against the CNI specification, by a driver that does what `cnitool` and a container runtime do:
 * every version and command, results held against each version's schema, error codes, and other plug-ins of
 * `containernetworking-plugins` for addresses and in a chain after ours.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Ipam } from '@calico-node/ipam';
import { parseIp } from '@calico-node/net';
import { addAddress, isolateNetwork, RouteSocket } from '@calico-node/netlink';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { startFakeFelix } from './support/fake-felix.ts';
import { TestNode, type Outcome } from './support/test-node.ts';

type Json = Readonly<Record<string, unknown>>;

const versions = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;
const since = (version: string, first: string): boolean =>
  version.localeCompare(first, undefined, { numeric: true }) >= 0;

/** Where Debian puts `containernetworking-plugins`. */
const peerPath = '/usr/lib/cni';
const peers = (...names: readonly string[]): string[] => names.filter((name) => !existsSync(join(peerPath, name)));

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

const variables = (command: string, container: string): Record<string, string> => ({
  CNI_COMMAND: command,
  CNI_CONTAINERID: container,
  CNI_NETNS: netns,
  CNI_IFNAME: 'eth0',
  CNI_PATH: `${join(node.dir, 'bin')}:${peerPath}`,
});

const network = (cniVersion: string, extra: Json = {}): Json => ({
  cniVersion,
  name: 'net',
  type: 'calico',
  ipam: { type: 'calico-ipam' },
  ...extra,
});

function calico(command: string, container: string, config: unknown, env: Record<string, string> = {}) {
  const stdin = typeof config === 'string' ? config : JSON.stringify(config);
  return node.exec('calico', { ...variables(command, container), ...env }, stdin);
}

async function success(outcome: Promise<Outcome>): Promise<Json> {
  const { code, stdout, stderr } = await outcome;
  expect({ code, stdout: code === 0 ? '' : stdout, stderr }).toEqual({ code: 0, stdout: '', stderr: '' });
  return stdout === '' ? {} : (JSON.parse(stdout) as Json);
}

async function errorCode(outcome: Promise<Outcome>): Promise<number> {
  const { code, stdout } = await outcome;
  expect(code).toBe(1);
  const error = JSON.parse(stdout) as Json;
  expect(error).toMatchObject({ cniVersion: expect.any(String) as string, msg: expect.any(String) as string });
  expect(Object.keys(error).filter((key) => !['cniVersion', 'code', 'msg', 'details'].includes(key))).toEqual([]);
  return error['code'] as number;
}

/** Holds a result against the schema of its version of the specification. */
function checkResult(result: Json, version: string): void {
  expect(result['cniVersion']).toBe(version);
  const route = { dst: expect.stringMatching(/\/\d+$/) as string };
  if (!since(version, '0.3.0')) {
    expect(Object.keys(result).filter((key) => !['cniVersion', 'ip4', 'ip6', 'dns'].includes(key))).toEqual([]);
    expect(result['ip4']).toMatchObject({
      ip: expect.stringMatching(/^10\.77\.0\.\d+\/32$/) as string,
      routes: [expect.objectContaining(route)],
    });
    return;
  }
  const known = ['cniVersion', 'interfaces', 'ips', 'routes', 'dns'];
  expect(Object.keys(result).filter((key) => !known.includes(key))).toEqual([]);
  const [ip] = result['ips'] as Json[];
  expect(ip).toMatchObject({ address: expect.stringMatching(/^10\.77\.0\.\d+\/32$/) as string, interface: 1 });
  expect(ip!['version']).toBe(since(version, '1.0.0') ? undefined : '4');
  const interfaces = result['interfaces'] as Json[];
  expect(interfaces).toHaveLength(2);
  expect(interfaces[0]).not.toHaveProperty('sandbox');
  expect(interfaces[1]).toMatchObject({ name: 'eth0', sandbox: netns });
  expect('mtu' in interfaces[1]!).toBe(since(version, '1.1.0'));
  expect(result['routes']).toEqual([expect.objectContaining(route)]);
}

describe.each(versions)('in version %s', (version) => {
  const container = `v${version.replaceAll('.', '')}`;

  test('an attachment is added, checked and deleted, twice over, with results of that version', async () => {
    const result = await success(calico('ADD', container, network(version)));
    checkResult(result, version);
    expect(await success(calico('ADD', container, network(version)))).toEqual(result);
    const check = calico('CHECK', container, network(version, { prevResult: result }));
    if (since(version, '0.4.0')) expect(await success(check)).toEqual({});
    else expect(await errorCode(check)).toBe(1);
    expect(await success(calico('DEL', container, network(version, { prevResult: result })))).toEqual({});
    expect(await success(calico('DEL', container, network(version)))).toEqual({});
    if (since(version, '0.4.0')) {
      expect(await errorCode(calico('CHECK', container, network(version, { prevResult: result })))).toBeGreaterThan(99);
    }
  });

  test('STATUS and GC are there from 1.1.0 on', async () => {
    const status = calico('STATUS', '', network(version));
    const gc = calico('GC', '', network(version, { 'cni.dev/valid-attachments': [] }));
    if (since(version, '1.1.0')) expect([await success(status), await success(gc)]).toEqual([{}, {}]);
    else expect([await errorCode(status), await errorCode(gc)]).toEqual([1, 1]);
  });

  test('VERSION names every version', async () => {
    const answer = await success(calico('VERSION', '', { cniVersion: version }));
    expect(answer).toEqual({ cniVersion: version, supportedVersions: versions });
  });
});

test('STATUS of calico-ipam does not depend on felix', async () => {
  await node.felix.stop();
  const config = JSON.stringify(network('1.1.0'));
  expect(await errorCode(node.exec('calico', { CNI_COMMAND: 'STATUS' }, config))).toBe(50);
  expect(await success(node.exec('calico-ipam', { CNI_COMMAND: 'STATUS' }, config))).toEqual({});
  node.felix = await startFakeFelix(join(node.dir, 'run/felix.sock'));
});

describe('errors', () => {
  test.each<[string, number, string, unknown, Record<string, string>]>([
    ['a version that is not supported', 1, 'ADD', network('9.9.9'), {}],
    ['an unknown command', 4, 'REMOVE', network('1.1.0'), {}],
    ['a missing container ID', 4, 'ADD', network('1.1.0'), { CNI_CONTAINERID: '' }],
    ['a container ID with a slash', 4, 'ADD', network('1.1.0'), { CNI_CONTAINERID: 'a/b' }],
    ['a missing interface name', 4, 'ADD', network('1.1.0'), { CNI_IFNAME: '' }],
    ['an interface name that is too long', 4, 'ADD', network('1.1.0'), { CNI_IFNAME: 'sixteencharacter' }],
    ['a missing namespace', 4, 'ADD', network('1.1.0'), { CNI_NETNS: '' }],
    ['a namespace that is gone', 3, 'ADD', network('1.1.0'), { CNI_NETNS: '/run/netns/cnt-gone' }],
    ['a configuration that is not JSON', 6, 'ADD', '{', {}],
    ['a configuration without a name', 7, 'ADD', { cniVersion: '1.1.0', type: 'calico' }, {}],
    ['an IPAM plug-in that is not there', 7, 'ADD', network('1.1.0', { ipam: { type: 'none-such' } }), {}],
  ])('%s has code %i', async (_, code, command, config, env) => {
    expect(await errorCode(calico(command, 'wrong', config, env))).toBe(code);
    using inside = RouteSocket.open({ netns });
    expect(inside.getLink('eth0')).toBeUndefined();
  });
});

test('a pool of eight addresses runs out with an error that names it, and serves again after a release', async () => {
  await node.resources.create({
    kind: 'IPPool',
    apiVersion: 'projectcalico.org/v3',
    metadata: { name: 'tiny' },
    spec: { cidr: '10.78.0.0/29', blockSize: 29, nodeSelector: '!all()' },
  });
  const config = network('1.1.0', { ipam: { type: 'calico-ipam', ipv4_pools: ['tiny'] } });
  const spaces = Array.from({ length: 8 }, () => node.workload());
  for (const [index, path] of spaces.entries()) {
    await success(calico('ADD', `tiny${index}`, config, { CNI_NETNS: path }));
  }
  const { code, stdout } = await calico('ADD', 'tiny8', config);
  expect(code).toBe(1);
  const { msg } = JSON.parse(stdout) as { msg: string };
  expect(msg).toContain('No IPs available in pools: [tiny 10.78.0.0/29]');
  expect(msg).toContain('tried the blocks of test-node');
  await success(calico('DEL', 'tiny3', config, { CNI_NETNS: spaces[3]! }));
  const again = await success(calico('ADD', 'tiny8', config));
  expect(again['ips']).toMatchObject([{ address: '10.78.0.3/32' }]);
  for (const [index, path] of spaces.entries()) {
    await success(calico('DEL', `tiny${index}`, config, { CNI_NETNS: path }));
    node.removeWorkload(path);
  }
  await success(calico('DEL', 'tiny8', config));
});

/** All that a TCP server says. */
async function textFrom(host: string, port: number): Promise<string> {
  const socket = connect({ host, port, timeout: 5000 });
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}

/** Execs any plug-in as a runtime does. */
async function peer(name: string, command: string, container: string, config: Json): Promise<Json> {
  const child = spawn(join(peerPath, name), [], {
    env: { ...node.environment(), ...variables(command, container) },
  });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => (output[stream] += text));
  }
  child.stdin.end(JSON.stringify(config));
  const [code] = (await once(child, 'close')) as [number];
  if (code !== 0) throw new Error(`${name} ${command}: ${output.stdout}${output.stderr}`);
  return output.stdout === '' ? {} : (JSON.parse(output.stdout) as Json);
}

/** Runs a list of plug-ins as a runtime does: each gets the result of the one before; DEL goes backwards. */
async function runList(command: 'ADD' | 'CHECK' | 'DEL', container: string, list: readonly Json[], result?: Json) {
  let previous = result;
  for (const plugin of command === 'DEL' ? list.toReversed() : list) {
    const config = { cniVersion: '1.0.0', name: 'net', ...plugin, ...(previous && { prevResult: previous }) };
    const own = plugin['type'] === 'calico';
    const answer = await (own
      ? success(calico(command, container, config))
      : peer(String(plugin['type']), command, container, config));
    if (command === 'ADD') previous = answer;
  }
  return previous ?? {};
}

const ours: Json = { type: 'calico', ipam: { type: 'calico-ipam' } };

/** Says why a test is left out. */
function skipWithout(skip: (note: string) => void, names: readonly string[]): void {
  const missing = peers(...names);
  if (missing.length > 0)
    skip(`needs ${missing.join(', ')} in ${peerPath}: apt-get install containernetworking-plugins`);
}

describe('with other plug-ins', () => {
  test('addresses come from host-local, and go back to it', async ({ skip }) => {
    skipWithout(skip, ['host-local']);
    const dataDir = join(node.dir, 'host-local');
    mkdirSync(dataDir);
    const ipam = { type: 'host-local', dataDir, ranges: [[{ subnet: '10.99.0.0/30', rangeStart: '10.99.0.2' }]] };
    const result = await success(calico('ADD', 'local', network('1.0.0', { ipam })));
    expect(result['ips']).toMatchObject([{ address: '10.99.0.2/32', interface: 1 }]);
    await success(calico('CHECK', 'local', network('1.0.0', { ipam, prevResult: result })));
    expect(await errorCode(calico('ADD', 'more', network('1.0.0', { ipam })))).toBeGreaterThan(0);
    await success(calico('DEL', 'local', network('1.0.0', { ipam })));
    const again = await success(calico('ADD', 'more', network('1.0.0', { ipam })));
    expect(again['ips']).toMatchObject([{ address: '10.99.0.2/32' }]);
    await success(calico('DEL', 'more', network('1.0.0', { ipam })));
  });

  test('addresses of calico-ipam serve another network plug-in, with the prefix length of their block', async ({
    skip,
  }) => {
    skipWithout(skip, ['bridge']);
    const config = network('1.0.0', { type: 'bridge', bridge: 'cnt-bridge' });
    const { ips } = await peer('bridge', 'ADD', 'bridged', config);
    const held = await new Ipam(node.backend).ipsByHandle('net.bridged');
    expect(ips).toMatchObject(held.map(({ ip }) => ({ address: `${ip}/26` })));
    expect(held).toHaveLength(1);
    expect((await node.resources.list('WorkloadEndpoint')).items).toEqual([]);
    await peer('bridge', 'DEL', 'bridged', config);
    expect(await new Ipam(node.backend).ipsByHandle('net.bridged')).toEqual([]);
  });

  test('portmap leads connections to a port of the host into the container', async ({ skip, onTestFinished }) => {
    skipWithout(skip, ['portmap']);
    const mapped = { portMappings: [{ hostPort: 18081, containerPort: 80, protocol: 'tcp' }] };
    const list = [ours, { type: 'portmap', snat: true, runtimeConfig: mapped }];
    const result = await runList('ADD', 'mapped', list);
    const { ips } = result as { ips: { address: string }[] };
    // A node's address, and what felix does: the route to the workload.
    execFileSync('ip', ['addr', 'replace', '192.0.2.1/32', 'dev', 'lo']);
    execFileSync('ip', ['route', 'replace', ips[0]!.address, 'dev', 'calimapped']);
    const name = netns.slice('/run/netns/'.length);
    const serve = "require('node:net').createServer((socket) => socket.end('hello')).listen(80)";
    const listener = spawn('ip', ['netns', 'exec', name, process.execPath, '-e', serve]);
    onTestFinished(() => {
      listener.kill('SIGKILL');
    });
    await vi.waitFor(
      async () => {
        expect(await textFrom('192.0.2.1', 18081)).toBe('hello');
      },
      { timeout: 10_000 },
    );
    await runList('DEL', 'mapped', list, result);
    await expect(textFrom('192.0.2.1', 18081)).rejects.toThrow('ECONNREFUSED');
    execFileSync('ip', ['addr', 'del', '192.0.2.1/32', 'dev', 'lo']);
  });

  test('STATUS and GC are passed on to the plug-in that gives addresses, and STATUS fails as that does', async () => {
    const stand = join(node.dir, 'stand-in-status');
    mkdirSync(stand);
    writeFileSync(
      join(stand, 'given'),
      `#!/bin/sh
echo "$CNI_COMMAND" >> ${join(stand, 'calls')}
[ ! -e ${join(stand, 'error')} ] || { cat ${join(stand, 'error')}; exit 1; }
`,
      { mode: 0o755 },
    );
    const run = (command: string, extra: Json = {}): Promise<Outcome> => {
      const config = network('1.1.0', { ipam: { type: 'given' }, ...extra });
      return node.exec('calico', { CNI_COMMAND: command, CNI_PATH: stand }, JSON.stringify(config));
    };
    expect(await success(run('STATUS'))).toEqual({});
    expect(await success(run('GC', { 'cni.dev/valid-attachments': [] }))).toEqual({});
    for (const [given, code] of [
      [51, 51],
      [11, 50],
    ]) {
      writeFileSync(join(stand, 'error'), JSON.stringify({ cniVersion: '1.1.0', code: given, msg: 'no ranges' }));
      const { stdout } = await run('STATUS');
      expect(JSON.parse(stdout)).toMatchObject({ code, msg: 'given: no ranges' });
    }
    expect(await errorCode(run('GC', { 'cni.dev/valid-attachments': [] }))).toBe(11);
    expect(readFileSync(join(stand, 'calls'), 'utf8').trim().split('\n')).toEqual([
      'STATUS',
      'GC',
      'STATUS',
      'STATUS',
      'GC',
    ]);
    expect(await errorCode(calico('STATUS', '', network('1.1.0', { ipam: { type: 'none-such' } })))).toBe(50);
  });

  test('a plug-in that gets addresses over the interface finds it up, at ADD and at DEL', async () => {
    const stand = join(node.dir, 'stand-in');
    mkdirSync(stand);
    // Stands in for the `dhcp` plug-in: refuses to work without what that needs.
    writeFileSync(
      join(stand, 'dhcp'),
      `#!/bin/sh
echo "$CNI_COMMAND" >> ${join(stand, 'calls')}
ip netns exec "\${CNI_NETNS##*/}" ip -o link show dev "$CNI_IFNAME" up | grep -q LOWER_UP || exit 1
[ "$CNI_COMMAND" = ADD ] || exit 0
printf '{"cniVersion":"1.0.0","ips":[{"address":"%s"}]}' "$(cat ${join(stand, 'address')})"
`,
      { mode: 0o755 },
    );
    const calls = (): string[] => readFileSync(join(stand, 'calls'), 'utf8').trim().split('\n');
    const run = (command: string): Promise<Outcome> => {
      const env = { ...variables(command, 'leased'), CNI_PATH: stand };
      return node.exec('calico', env, JSON.stringify(network('1.0.0', { ipam: { type: 'dhcp' } })));
    };
    writeFileSync(join(stand, 'address'), '192.0.2.20/24');
    for (const _ of ['first', 'again']) {
      expect((await success(run('ADD')))['ips']).toMatchObject([{ address: '192.0.2.20/32' }]);
    }
    await success(run('DEL'));
    expect(calls()).toEqual(['ADD', 'ADD', 'DEL']);
    // An address that the kernel takes for no interface: wiring fails after the endpoint is stored, and again.
    writeFileSync(join(stand, 'address'), 'ff02::5/64');
    expect(await errorCode(run('ADD'))).toBeGreaterThan(0);
    expect((await node.resources.list('WorkloadEndpoint')).items).toEqual([]);
    using inside = RouteSocket.open({ netns });
    expect(inside.getLink('eth0')).toBeUndefined();
  });

  test('dhcp leases an address from a server at the host’s end, and gives it back', async ({
    skip,
    onTestFinished,
  }) => {
    skipWithout(skip, ['dhcp']);
    if (!existsSync('/usr/bin/busybox')) skip('needs busybox, for its udhcpd');
    const socket = join(node.dir, 'dhcp.sock');
    const children: ChildProcess[] = [];
    onTestFinished(() => {
      for (const child of children) child.kill('SIGKILL');
    });
    const start = (program: string, args: readonly string[]): ChildProcess => {
      const child = spawn(program, args, { stdio: 'ignore' });
      children.push(child);
      return child;
    };
    start(join(peerPath, 'dhcp'), ['daemon', '-socketpath', socket, '-timeout', '2s', '-resendmax', '1s']);
    await vi.waitUntil(() => existsSync(socket), { timeout: 10_000 });
    writeFileSync(join(node.dir, 'leases'), '');
    writeFileSync(
      join(node.dir, 'udhcpd.conf'),
      `start 192.0.2.30
end 192.0.2.30
interface calileased2
lease_file ${join(node.dir, 'leases')}
pidfile ${join(node.dir, 'udhcpd.pid')}
option subnet 255.255.255.0
option lease 600
`,
    );
    const ipam = { type: 'dhcp', daemonSocketPath: socket };
    const adding = success(calico('ADD', 'leased2', network('1.0.0', { ipam })));
    adding.catch(() => undefined); // it is looked at below
    {
      using host = RouteSocket.open();
      await vi.waitUntil(() => host.getLink('calileased2')?.up === true, { timeout: 10_000 });
      const { index } = host.getLink('calileased2')!;
      host.apply([addAddress({ interfaceIndex: index, ip: parseIp('192.0.2.1'), prefixLength: 32 })]);
    }
    start('/usr/bin/busybox', ['udhcpd', '-f', '-a', '10', join(node.dir, 'udhcpd.conf')]);
    expect((await adding)['ips']).toMatchObject([{ address: '192.0.2.30/32' }]);
    const { items } = await node.resources.list('WorkloadEndpoint');
    expect(items).toMatchObject([{ spec: { ipNetworks: ['192.0.2.30/32'] } }]);
    await success(calico('DEL', 'leased2', network('1.0.0', { ipam })));
    expect((await node.resources.list('WorkloadEndpoint')).items).toEqual([]);
  });

  test.for<[string, Json, () => void]>([
    [
      'tuning',
      { type: 'tuning', sysctl: { 'net.ipv4.conf.eth0.arp_filter': '1' } },
      () => {
        const name = netns.slice('/run/netns/'.length);
        const value = execFileSync('ip', ['netns', 'exec', name, 'cat', '/proc/sys/net/ipv4/conf/eth0/arp_filter']);
        expect(value.toString().trim()).toBe('1');
      },
    ],
    [
      'portmap',
      {
        type: 'portmap',
        snat: true,
        capabilities: { portMappings: true },
        runtimeConfig: { portMappings: [{ hostPort: 18080, containerPort: 80, protocol: 'tcp' }] },
      },
      () => {
        expect(execFileSync('iptables-save', ['-t', 'nat']).toString()).toContain('18080');
      },
    ],
    [
      'bandwidth',
      {
        type: 'bandwidth',
        capabilities: { bandwidth: true },
        runtimeConfig: { bandwidth: { ingressRate: 1e6, ingressBurst: 1e6, egressRate: 1e6, egressBurst: 1e6 } },
      },
      () => {
        expect(execFileSync('tc', ['qdisc', 'show']).toString()).toContain('tbf');
      },
    ],
  ])('%s runs after ours', async ([name, plugin, verify], { skip }) => {
    skipWithout(skip, [name]);
    const list = [ours, plugin];
    const result = await runList('ADD', `chain-${name}`, list);
    expect(result['ips']).toHaveLength(1);
    verify();
    // portmap 1.1 looks for IPv6 rules that it has not made.
    await runList('CHECK', `chain-${name}`, name === 'portmap' ? [ours] : list, result);
    await runList('DEL', `chain-${name}`, list, result);
    using inside = RouteSocket.open({ netns });
    expect(inside.getLink('eth0')).toBeUndefined();
  });
});
