import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectDatastore, loadDatastoreConfig, Resources } from '@calico-node/datastore';
import { freePort, startEtcd, type EtcdProcess } from '@calico-node/datastore/testing';
import { parseAsn } from '@calico-node/net';
import { isolateNetwork } from '@calico-node/netlink';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { endOrphans, findOrphans } from '../src/supervisor/orphans.ts';
import { finish } from './node-rig.ts';

const main = join(import.meta.dirname, '../src/main.ts');
const stable = '172.31.10.3';
const tors = [
  { name: `cnt-${randomBytes(3).toString('hex')}`, link: 'plane0', net: '172.31.11', as: 65011 },
  { name: `cnt-${randomBytes(3).toString('hex')}`, link: 'plane1', net: '172.31.12', as: 65012 },
] as const;

const layout = `
apiVersion: projectcalico.org/v3
kind: EarlyNetworkConfiguration
spec:
  nodes:
    - interfaceAddresses: [172.31.11.4, 172.31.12.4]
      stableAddress: { address: 172.31.10.4 }
      asNumber: 65001
      peerings: [{ peerIP: 172.31.11.1 }]
    - interfaceAddresses: [172.31.11.3, 172.31.12.3]
      stableAddress: { address: ${stable} }
      asNumber: 65001
      peerings:
        - { peerIP: 172.31.11.1, peerASNumber: 65011 }
        - { peerIP: 172.31.12.1, peerASNumber: 65012 }
      labels: { rack: ra }
`;

/** A ToR that gives the world away, and helps a node that starts again. */
function torConfig({ net, as }: (typeof tors)[number]): string {
  return `
router id ${net}.1;
protocol device {}
protocol static { ipv4; route 0.0.0.0/0 blackhole; }
protocol kernel { ipv4 { export where proto = "node"; }; }
protocol bgp node {
  local ${net}.1 as ${as};
  neighbor ${net}.3 as 65001;
  connect delay time 1;
  connect retry time 1;
  graceful restart;
  ipv4 { import all; export all; next hop self; };
}
`;
}

const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });
/** In the log. */
const ownReady = /"process":"bgp-daemon"[^\n]*"process ready"/;
const children: ChildProcess[] = [];
const log: string[] = [];
let dir: string;
let port: number;
let etcd: EtcdProcess | undefined;
let node: ChildProcess;

function run(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
  const child = spawn(command, args, {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  return child;
}

function runNode(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): ChildProcess {
  return run(process.execPath, [main, ...args], {
    NODENAME: 'n1',
    ETCD_ENDPOINTS: `http://127.0.0.1:${port}`,
    CALICO_RUN_DIR: join(dir, 'run'),
    CALICO_LIB_DIR: join(dir, 'lib'),
    CALICO_DISABLE_FELIX: 'true',
    CALICO_IPV4POOL_CIDR: '10.65.0.0/16',
    CALICO_IPV6POOL_CIDR: 'none',
    CALICO_EARLY_NETWORKING: join(dir, 'early.yaml'),
    ...env,
  });
}

/** All that a command says from now on. */
function watch(command: string, args: readonly string[]): string[] {
  const lines: string[] = [];
  run(command, args)
    .stdout?.setEncoding('utf8')
    .on('data', (text: string) => lines.push(text));
  return lines;
}

const learntBy = (tor: string): string => ip('-n', tor, 'route', 'show', `${stable}/32`);
const defaultRoute = (): string => ip('-4', 'route', 'show', 'default');
const reach = (tor: string): Promise<{ code: number | null }> =>
  finish(run('ip', ['netns', 'exec', tor, 'ping', '-c', '1', '-W', '1', stable]));

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'cnt-early-'));
  mkdirSync(join(dir, 'run'));
  isolateNetwork();
  for (const tor of tors) {
    const { name, link, net } = tor;
    ip('netns', 'add', name);
    ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
    ip('link', 'set', link, 'up');
    ip('address', 'add', `${net}.3/24`, 'dev', link);
    ip('-n', name, 'link', 'set', 'lo', 'up');
    ip('-n', name, 'link', 'set', 'eth0', 'up');
    ip('-n', name, 'address', 'add', `${net}.1/24`, 'dev', 'eth0');
    const file = join(dir, `${link}.conf`);
    writeFileSync(file, torConfig(tor));
    const control = join(dir, `${link}.ctl`);
    run('ip', ['netns', 'exec', name, 'bird', '-f', '-c', file, '-s', control]);
  }
});

afterAll(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
  await endOrphans(join(dir, 'run'));
  for (const name of ['early', 'early-only']) await endOrphans(join(dir, 'run', name));
  await etcd?.stop();
  for (const { name } of tors) ip('netns', 'del', name);
  rmSync(dir, { recursive: true, force: true });
});

describe('a node between two ToRs', () => {
  test('refuses a file with mistakes before it changes anything', async () => {
    port = await freePort();
    const file = join(dir, 'early.yaml');
    writeFileSync(file, layout.replace(`address: ${stable}`, 'address: anywhere'));
    const { code, stderr } = await finish(runNode());
    expect(code).toBe(2);
    expect(stderr).toContain(`CALICO_EARLY_NETWORKING='${file}' has mistakes; nothing was changed`);
    expect(stderr).toContain('spec.nodes[1].stableAddress.address is "anywhere": must be an IPv4 address');
    expect(ip('address', 'show', 'dev', 'lo')).not.toContain('172.31');
  });

  test('has its stable address, and routes over both, while there is no datastore', { timeout: 40_000 }, async () => {
    writeFileSync(join(dir, 'early.yaml'), layout);
    node = runNode();
    node.stdout?.resume();
    node.stderr?.setEncoding('utf8').on('data', (text: string) => log.push(text));
    for (const { name, net } of tors) {
      await expect.poll(() => learntBy(name), { timeout: 20_000 }).toContain(`via ${net}.3`);
    }
    await expect.poll(defaultRoute, { timeout: 10_000 }).toMatch(/proto bird/);
    await expect.poll(defaultRoute).toMatch(/via 172\.31\.11\.1 dev plane0 weight 1[^]*via 172\.31\.12\.1 dev plane1/);
    for (const { name } of tors) expect((await reach(name)).code).toBe(0);
    expect(ip('route', 'get', '192.0.2.1')).toContain(`src ${stable}`);
    expect(ip('address', 'show', 'dev', 'plane0')).toContain('inet 172.31.11.3/24 scope link');
  });

  test('its own speaker takes over without a gap once there is one', { timeout: 60_000 }, async () => {
    const changes = [
      watch('ip', ['-4', 'monitor', 'route']),
      ...tors.map(({ name }) => watch('ip', ['-n', name, '-4', 'monitor', 'route'])),
    ];
    const pings = tors.map(({ name }) => run('ip', ['netns', 'exec', name, 'ping', '-i', '0.1', stable]));
    const pinged = pings.map(finish);
    etcd = await startEtcd({ port });
    const backend = connectDatastore(loadDatastoreConfig({ env: { ETCD_ENDPOINTS: etcd.endpoints[0] } }));
    try {
      const resources = new Resources(backend);
      const apiVersion = 'projectcalico.org/v3';
      await resources.create({
        kind: 'BGPConfiguration',
        apiVersion,
        metadata: { name: 'default' },
        spec: { nodeToNodeMeshEnabled: false },
      });
      await resources.create({
        kind: 'IPPool',
        apiVersion,
        metadata: { name: 'stable' },
        spec: { cidr: '172.31.10.0/24', disabled: true },
      });
      for (const { link, net, as } of tors) {
        await resources.create({
          kind: 'BGPPeer',
          apiVersion,
          metadata: { name: link },
          spec: { peerIP: `${net}.1`, asNumber: parseAsn(as), nodeSelector: "rack == 'ra'" },
        });
      }
      await expect.poll(() => log.join(''), { timeout: 30_000 }).toContain('its routes stay');
      const established = (): string =>
        tors
          .map(({ link }) =>
            execFileSync('birdc', ['-s', join(dir, `${link}.ctl`), 'show', 'protocols', 'all', 'node']),
          )
          .join('');
      await expect.poll(() => established().match(/BGP state: +Established/g)?.length, { timeout: 20_000 }).toBe(2);
      await expect.poll(() => log.join(''), { timeout: 20_000 }).toMatch(ownReady);
      for (const { name } of tors) expect((await reach(name)).code).toBe(0);
      expect(defaultRoute()).toMatch(/proto bird[^]*plane0[^]*plane1/);
      for (const ping of pings) ping.kill('SIGINT');
      for (const { stdout } of await Promise.all(pinged)) expect(stdout).toContain(' 0% packet loss');
      const [own, ...theirs] = changes.map((lines) => lines.join(''));
      expect(own).not.toContain('Deleted default');
      for (const seen of theirs) expect(seen).not.toContain(`Deleted ${stable}`);
      expect(await resources.get('Node', 'n1')).toMatchObject({
        metadata: { labels: { rack: 'ra' } },
        spec: { bgp: { ipv4Address: `${stable}/32`, asNumber: 65001 } },
      });
    } finally {
      backend.close();
    }
  });

  test('ends with its routes in place and no process left', async () => {
    const exited = once(node, 'exit');
    node.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
    expect([...findOrphans(join(dir, 'run')), ...findOrphans(join(dir, 'run/early'))]).toEqual([]);
    expect(defaultRoute()).toContain('proto bird');
    for (const { name } of tors) expect((await reach(name)).code).toBe(0);
  });

  test(
    'started again leaves BGP to its own speaker, whose routes the ToRs still have',
    { timeout: 40_000 },
    async () => {
      const again: string[] = [];
      node = runNode();
      node.stdout?.resume();
      node.stderr?.setEncoding('utf8').on('data', (text: string) => again.push(text));
      await expect.poll(() => again.join(''), { timeout: 30_000 }).toMatch(ownReady);
      expect(again.join('')).not.toContain('early BGP speaks');
      for (const { name } of tors) expect((await reach(name)).code).toBe(0);
      const exited = once(node, 'exit');
      node.kill('SIGTERM');
      await exited;
    },
  );

  test('may have its early network from a process of its own', { timeout: 40_000 }, async () => {
    ip('route', 'flush', 'proto', 'bird');
    // A host that was given its address and its default route on one plane.
    ip('address', 'del', '172.31.11.3/24', 'dev', 'plane0');
    ip('address', 'add', '172.31.11.3/24', 'dev', 'plane0');
    ip('route', 'add', 'default', 'via', '172.31.11.1', 'metric', '50', 'src', '172.31.11.3');
    const legacy = '  legacy: { nodeIPFromDefaultRoute: true, unconditionalDefaultRouteProgramming: true }\n';
    writeFileSync(join(dir, 'early.yaml'), layout + legacy);
    const alone = runNode(['-early'], { CALICO_LIB_DIR: join(dir, 'other') });
    alone.stdout?.resume();
    alone.stderr?.resume();
    for (const { name, link, net } of tors) {
      ip('-n', name, 'route', 'flush', 'proto', 'bird', 'exact', `${stable}/32`);
      execFileSync('birdc', ['-s', join(dir, `${link}.ctl`), 'restart', 'node']);
      await expect.poll(() => learntBy(name), { timeout: 20_000 }).toContain(`via ${net}.3`);
    }
    expect(defaultRoute()).toMatch(/default via 172\.31\.11\.1 dev plane0 metric 50 *$/m);
    expect(defaultRoute()).toMatch(/default proto static metric 4096[^]*plane0[^]*plane1/);
    const exited = once(alone, 'exit');
    alone.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
    expect(findOrphans(join(dir, 'run/early-only'))).toEqual([]);
  });
});
