import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { bgpV1, isRpcError } from '@calico-node/rpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Daemon, Rig, Traffic, until, type Host } from './rig.ts';

let rig: Rig;
let hosts: Host[];
let daemons: Daemon[];

beforeEach(() => {
  rig = new Rig();
  hosts = [rig.addHost(), rig.addHost(), rig.addHost()];
  daemons = hosts.map((host) => new Daemon(host));
});

afterEach(async () => {
  for (const daemon of daemons) daemon.close();
  await rig.close();
});

/** The mesh as Calico's confd makes it: the lower address connects. */
function mesh(index: number, password = ''): bgpV1.BgpConfig {
  const me = hosts[index]!;
  return bgpV1.BgpConfig.fromPartial({
    nodeName: `node${index}`,
    routerId: me.address,
    localAs: 64512,
    neighbors: hosts
      .filter((host) => host !== me)
      .map(({ address }) => ({
        name: `Mesh_${address.replaceAll('.', '_')}`,
        address,
        remoteAs: 64512,
        sourceAddress: me.address,
        passive: address > me.address,
        type: bgpV1.PeerType.NODE_MESH,
        password,
      })),
    staticRoutes: [{ prefix: `10.244.${index}.0/26`, suppressSpecifics: true }],
    kernel: { learn: true, program: true, announceWithin: ['10.244.0.0/16'] },
  });
}

async function meshUp(): Promise<void> {
  for (const [index, daemon] of daemons.entries()) await daemon.apply(mesh(index));
  for (const daemon of daemons) await daemon.established(2);
  for (const host of hosts)
    await until(
      'routes',
      () => host.routes('bird'),
      (routes) => routes.length === 3,
    );
}

const routesOf = (index: number): string[] =>
  hosts.map((host, other) =>
    other === index ? `blackhole 10.244.${other}.0/26` : `10.244.${other}.0/26 via ${host.address} dev eth0`,
  );

describe('a mesh of our own', () => {
  it('explains why a route is used, and who is told of it', async () => {
    await meshUp();
    const [first] = daemons;
    const theirs = await first!.explain('10.244.1.0/26');
    expect(theirs.paths).toMatchObject([{ route: { source: 'Mesh_10_9_0_2', best: true }, verdict: 'best' }]);
    expect(theirs.exports).toEqual([
      { peer: 'Mesh_10_9_0_2', announced: false, reason: 'the best path came from this peer' },
      {
        peer: 'Mesh_10_9_0_3',
        announced: false,
        reason: 'it is from an internal peer, and neither that one nor this one is a reflector client',
      },
    ]);
    const own = await first!.explain('10.244.0.0/26');
    expect(own.exports.map(({ announced, reason }) => [announced, reason])).toEqual([
      [true, 'it is a block of this node'],
      [true, 'it is a block of this node'],
    ]);
    expect(await first!.explain('192.0.2.0/24')).toEqual({ paths: [], exports: [] });
  });

  it('spreads every block, disturbs no session for another, and refuses bad configuration whole', async () => {
    await meshUp();
    for (const [index, host] of hosts.entries()) expect(host.routes('bird').sort()).toEqual(routesOf(index).sort());
    const since = (await daemons[0]!.peers()).map(({ sinceUnixMillis }) => sinceUnixMillis);
    // Nothing of a session changes: only routes do.
    const wider = mesh(0);
    const answer = await daemons[0]!.apply({
      ...wider,
      staticRoutes: [...wider.staticRoutes, { prefix: '10.244.9.0/26', nextHop: '', suppressSpecifics: true }],
    });
    expect(answer).toMatchObject({ added: 0, changed: 0, removed: 0, unchanged: 2 });
    await until(
      'new block',
      () => hosts[1]!.routes('bird'),
      (routes) => routes.includes(`10.244.9.0/26 via ${hosts[0]!.address} dev eth0`),
    );
    const bad = mesh(0);
    const refusal = daemons[0]!.apply({ ...bad, neighbors: [{ ...bad.neighbors[0]!, address: '10.9.0.300' }] });
    await expect(refusal).rejects.toSatisfy((error: unknown) => isRpcError(error, 'INVALID_ARGUMENT'));
    await expect(refusal).rejects.toThrow("neighbors[0].address: '10.9.0.300' is not an IP address");
    expect((await daemons[0]!.peers()).map(({ sinceUnixMillis }) => sinceUnixMillis)).toEqual(since);
    // Away with the peer: its routes go, the other session stays.
    await daemons[0]!.apply({ ...mesh(0), neighbors: mesh(0).neighbors.slice(0, 1) });
    await until(
      'removal',
      () => hosts[0]!.routes('bird'),
      (routes) => routes.length === 2,
    );
    expect((await daemons[0]!.peers()).map(({ sinceUnixMillis }) => sinceUnixMillis)).toEqual(since.slice(0, 1));
    await until(
      'removal there',
      () => hosts[2]!.routes('bird'),
      (routes) => !routes.some((route) => route.startsWith('10.244.0.0')),
    );
  });

  it('keeps its configuration readable by root only, and blanks passwords when asked', async () => {
    await daemons[0]!.apply(mesh(0, 'secret'));
    const file = join(hosts[0]!.directory, 'bgp-config.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toContain('secret');
    expect(hosts[0]!.log('daemon.log')).not.toContain('secret');
  });

  it('signs its segments with TCP MD5 where there is a password', async () => {
    await daemons[0]!.apply(mesh(0, 'right'));
    await daemons[1]!.apply(mesh(1, 'right'));
    await daemons[2]!.apply(mesh(2, 'wrong'));
    await daemons[0]!.established(1);
    const states = (await daemons[0]!.peers()).map(({ address, state }) => [
      address,
      state === bgpV1.SessionState.ESTABLISHED,
    ]);
    expect(states).toEqual([
      [hosts[1]!.address, true],
      [hosts[2]!.address, false],
    ]);
  });

  it('loses no packet when a daemon is killed and started again', async () => {
    await meshUp();
    for (const [index, host] of hosts.entries()) {
      host.addLink('cali0');
      host.ip('address', 'add', `10.244.${index}.1/32`, 'dev', 'lo');
    }
    const [a] = hosts;
    const traffic = new Traffic(a!, '10.244.1.1');
    for (const victim of [daemons[1]!, daemons[0]!]) {
      const before = (await daemons[2]!.peers()).map(({ sinceUnixMillis }) => sinceUnixMillis);
      await victim.kill();
      victim.restart();
      await victim.established(2);
      await until(
        'convergence',
        () => victim.status(),
        ({ restarting }) => !restarting,
      );
      await until(
        'the third',
        () => daemons[2]!.peers(),
        (peers) =>
          peers.every(({ state }) => state === bgpV1.SessionState.ESTABLISHED) &&
          peers.some(({ sinceUnixMillis }, index) => sinceUnixMillis !== before[index]),
      );
      for (const [index, host] of hosts.entries()) expect(host.routes('bird').sort()).toEqual(routesOf(index).sort());
    }
    expect(await traffic.stop()).toMatch(/ 0% packet loss/);
  });

  it('reflects routes between clients, with originator and cluster', async () => {
    const reflector = mesh(0);
    await daemons[0]!.apply({
      ...reflector,
      neighbors: reflector.neighbors.map((neighbor) => ({
        ...neighbor,
        routeReflectorClient: true,
        clusterId: '9.9.9.9',
      })),
    });
    for (const index of [1, 2]) {
      const client = mesh(index);
      const neighbors = client.neighbors.filter(({ address }) => address === hosts[0]!.address);
      await daemons[index]!.apply({ ...client, neighbors });
    }
    for (const [index, host] of hosts.entries()) {
      await until(
        'routes',
        () => host.routes('bird').sort(),
        (routes) => JSON.stringify(routes) === JSON.stringify(routesOf(index).sort()),
      );
    }
  });

  it('removes what an earlier life left only when its peers have spoken', async () => {
    hosts[0]!.ip('route', 'add', '10.244.77.0/26', 'via', hosts[1]!.address, 'proto', 'bird');
    await daemons[0]!.kill();
    daemons[0]!.restart();
    for (const index of [0, 1]) await daemons[index]!.apply(mesh(index));
    await daemons[0]!.established(1);
    await until(
      'routes',
      () => hosts[0]!.routes('bird'),
      (routes) => routes.length === 3,
    );
    expect((await daemons[0]!.status()).restarting).toBe(true);
    await daemons[2]!.apply(mesh(2));
    await until(
      'sweep',
      () => hosts[0]!.routes('bird').sort(),
      (routes) => JSON.stringify(routes) === JSON.stringify(routesOf(0).sort()),
    );
  });

  it('carries IPv6 over IPv6 sessions, into the kernel', async () => {
    const address = (host: Host): string => host.address.replace('10.9.0.', 'fd00:9::');
    for (const [index, host] of hosts.slice(0, 2).entries()) {
      host.ip('address', 'add', `${address(host)}/64`, 'dev', 'eth0', 'nodad');
      const other = hosts[1 - index]!;
      await daemons[index]!.apply(
        bgpV1.BgpConfig.fromPartial({
          routerId: host.address,
          localAs: 64512,
          neighbors: [{ name: 'other', address: address(other), remoteAs: 64512, sourceAddress: address(host) }],
          staticRoutes: [{ prefix: `fd00:10:${index}::/122`, suppressSpecifics: true }],
          kernel: { learn: true, program: true, announceWithin: ['fd00:10::/32'] },
        }),
      );
    }
    const shown = (): string => hosts[0]!.ip('-6', 'route', 'show', 'proto', 'bird');
    const routes = await until('routes', shown, (text) => text.includes('fd00:10:1::'));
    expect(routes).toMatch(/^blackhole fd00:10::\/122 dev lo metric 1024/m);
    expect(routes).toMatch(/^fd00:10:1::\/122 via fd00:9::2 dev eth0 metric 1024/m);
    hosts[0]!.ip('-6', 'route', 'del', 'fd00:10:1::/122');
    await until('repair', shown, (text) => text.includes('fd00:10:1::'));
  });

  it('follows a link that goes and comes back', async () => {
    await meshUp();
    execFileSync('ip', ['-n', hosts[0]!.name, 'link', 'set', 'eth0', 'down']);
    await until(
      'routes gone',
      () => hosts[0]!.routes('bird'),
      (routes) => routes.length === 1,
    );
    execFileSync('ip', ['-n', hosts[0]!.name, 'link', 'set', 'eth0', 'up']);
    await until(
      'routes back',
      () => hosts[0]!.routes('bird').sort(),
      (routes) => JSON.stringify(routes) === JSON.stringify(routesOf(0).sort()),
    );
  });
});
