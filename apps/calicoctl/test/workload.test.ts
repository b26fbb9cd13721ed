import { existsSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Resources } from '@calico-node/datastore';
import { Ipam } from '@calico-node/ipam';
import { blockPrefix, decodeBlock } from '@calico-node/model';
import { isolateNetwork, RouteSocket, writeSysctl } from '@calico-node/netlink';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fakeIo } from '../src/fake-io.ts';
import { runCalicoctl } from '../src/program.ts';
import { startCli, type Cli } from './cli.ts';
import { Playground } from './support/own-network.ts';

const apiVersion = 'projectcalico.org/v3';
const felix = join(import.meta.dirname, '../../felix/src/main.ts');

isolateNetwork();
const playground = new Playground();
let cli: Cli;

beforeAll(async () => {
  cli = await startCli();
  writeFileSync(join(cli.directory, 'nodename'), 'n1');
  writeSysctl('net/ipv4/ip_forward', '1');
  const resources = new Resources(cli.backend);
  await resources.ensureInitialized({ clusterType: 'test' });
  const bgp = { ipv4Address: '192.0.2.1/24' };
  await resources.create({ kind: 'Node', apiVersion, metadata: { name: 'n1' }, spec: { bgp } });
  for (const [name, cidr] of [
    ['four', '10.91.0.0/24'],
    ['six', 'fd91::/112'],
  ] as const) {
    await resources.create({ kind: 'IPPool', apiVersion, metadata: { name }, spec: { cidr, nodeSelector: 'all()' } });
  }
}, 60_000);

function startFelix(): void {
  playground.start(process.execPath, [felix], {
    ...cli.environment,
    NODENAME: 'n1',
    CALICO_HEALTH_ADDRESS: 'off',
    CALICO_LOG_LEVEL: 'fatal',
    FELIX_DEFAULTENDPOINTTOHOSTACTION: 'Accept',
  });
}

afterAll(async () => {
  await playground[Symbol.asyncDispose]();
  await cli[Symbol.asyncDispose]();
});

/** Attaches, with the time that a Felix which has just been started needs; gives the first address. */
async function add(line: string): Promise<string> {
  const said = await cli.succeed(`workload add ${line} --timeout 30`);
  const [, ip = ''] = /: (\S+?),? /.exec(said) ?? [];
  expect(said).toContain(ip);
  return ip;
}

async function addressesInUse(): Promise<number> {
  const { items } = await cli.backend.list(blockPrefix());
  return items.flatMap(({ value }) => decodeBlock(value).allocations).filter((index) => index !== null).length;
}

function hostInterfaces(): readonly string[] {
  using host = RouteSocket.open();
  return host.listLinks().flatMap(({ name }) => (name.startsWith('cali') ? [name] : []));
}

const pings = (netns: string, ip: string): boolean => playground.succeedsIn(netns, `ping -c 1 -W 1 ${ip}`);

describe('calicoctl workload', { timeout: 60_000 }, () => {
  it('waits for no Felix that does not run', async () => {
    expect(await cli.fail('workload add web --netns cnt-none')).toContain('felix is not running');
    startFelix();
    await expect.poll(() => existsSync(join(cli.directory, 'felix.sock')), { timeout: 30_000 }).toBe(true);
  });

  it('attaches namespaces that reach the members of their network, and nobody else', async () => {
    const [web, db, other] = [playground.namespace(), playground.namespace(), playground.namespace()];
    await add(`--netns ${web} --label app=web --label tier=front web`);
    const dbIp = await add(`db --netns /run/netns/${db} --network workloads`);
    const otherIp = await add(`other --netns ${other} --network others`);
    await expect.poll(() => pings(web, dbIp), { timeout: 10_000 }).toBe(true);
    expect(pings(web, otherIp)).toBe(false);
    expect(await add(`db --netns ${db}`)).toBe(dbIp);

    const list = await cli.succeed('workload list');
    expect(list.split('\n').filter((line) => line !== '')).toHaveLength(4);
    expect(list).toMatch(new RegExp(`default +db +n1 +eth0 +cali\\w+ +${dbIp} +workloads +netns /run/netns/${db}`));
    const endpoint = await cli.succeed('get workloadendpoint n1-calicoctl-web-eth0 -o json');
    expect(endpoint).toContain('"app": "web"');
    expect(endpoint).toContain('"tier": "front"');
    expect(await cli.fail(`workload add web --netns ${other}`)).toContain('is attached to netns');

    for (const name of ['web', 'db', 'other']) await cli.succeed(`workload delete ${name}`);
    expect(await cli.fail('workload delete web')).toContain('no workload default/web');
    expect(hostInterfaces()).toEqual([]);
    expect(await addressesInUse()).toBe(0);
    expect(await cli.succeed('workload list')).not.toContain('default');
  });

  it('attaches a process, with addresses of its own choice or of both families', async () => {
    const child = playground.start('unshare', ['-n', 'sleep', '300']);
    const namespaceOf = (pid: number | string = ''): string => readlinkSync(`/proc/${pid}/ns/net`);
    await expect.poll(() => namespaceOf(child.pid), { timeout: 10_000 }).not.toBe(namespaceOf('thread-self'));
    expect(await add(`job --pid ${child.pid} --ip 10.91.0.77`)).toBe('10.91.0.77');
    await cli.succeed('workload delete job');
    const said = await cli.succeed(`workload add job --pid ${child.pid} --ipv6 --interface net0 --mtu 1400`);
    expect(said).toMatch(/10\.91\.0\.\d+, fd91::/);
    expect(await addressesInUse()).toBe(2);
    await playground.end(child);
    await cli.succeed('workload delete job --interface net0');
    expect(await addressesInUse()).toBe(0);
  });

  it("attaches a machine's tap device, which stays when it is detached", async () => {
    const inside = playground.namespace();
    const machine = await playground.machine(cli.directory, 'calivm0', inside);
    expect(await cli.fail('workload add vm --tap lo')).toContain('begin with cali');
    expect(await cli.fail('workload add vm --tap calinone')).toContain('there is no device');
    const ip = await add('vm --tap calivm0 --pool four');
    for (const command of [
      'link set eth0 up',
      `addr add ${ip}/32 dev eth0`,
      'route add 169.254.1.1 dev eth0',
      'route add default via 169.254.1.1 dev eth0',
    ]) {
      expect(playground.succeedsIn(inside, `ip ${command}`)).toBe(true);
    }
    const peer = playground.namespace();
    const peerIp = await add(`peer --netns ${peer}`);
    await expect.poll(() => pings(peer, ip), { timeout: 10_000 }).toBe(true);
    expect(pings(inside, peerIp)).toBe(true);
    await cli.succeed('workload delete vm');
    await cli.succeed('workload delete peer');
    expect(hostInterfaces()).toEqual(['calivm0']);
    await playground.end(machine);
  });

  it('leaves nothing of what it could not attach', async () => {
    expect(await cli.fail('workload add ghost --netns cnt-none')).toContain('there is no network namespace');
    expect(await cli.fail('workload add ghost --netns cnt-none --pool nix')).toContain('no IP pool nix');
    expect(await cli.fail('workload add ghost --netns cnt-none --profile nix')).toContain('no profile nix');
    expect(await cli.fail('workload add Ghost --netns cnt-none')).toContain('not valid');
    expect(await cli.fail('workload add ghost')).toContain('--netns');
    expect(await new Ipam(cli.backend).ipsByHandle('calicoctl.n1.default.ghost.eth0')).toEqual([]);
    expect(await cli.succeed('workload list')).not.toContain('ghost');
    const io = fakeIo({ env: cli.environment, isRoot: false });
    expect(await runCalicoctl(['workload', 'delete', 'ghost'], io)).toBe(1);
    expect(io.stderr).toContain('root');
  });
});
