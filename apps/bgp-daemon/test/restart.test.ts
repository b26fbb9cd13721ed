/** A speaker that writes no kernel routes is missed too when it restarts: its peers forward by what it told (RFC 4724). */
import { encodeEndOfRib, encodeRouteRefresh, messageType, type Capability } from '@calico-node/bgp';
import { bgpV1 } from '@calico-node/rpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { otherKinds } from './other-speakers.ts';
import { RawPeer, rawUpdate } from './raw-peer.ts';
import { Daemon, Rig, Traffic, until, type Host } from './rig.ts';

let rig: Rig;
let ours: Host;
let daemon: Daemon;

beforeEach(() => {
  rig = new Rig();
  ours = rig.addHost();
  daemon = new Daemon(ours);
});

afterEach(async () => {
  daemon.close();
  await rig.close();
});

async function reflect(clients: readonly Host[]): Promise<void> {
  await daemon.apply(
    bgpV1.BgpConfig.fromPartial({
      routerId: ours.address,
      localAs: 64512,
      neighbors: clients.map(({ address }) => ({
        name: address,
        address,
        remoteAs: 64512,
        routeReflectorClient: true,
        exportFilters: ['all'],
      })),
      filters: [{ name: 'all', rules: [{ family: 4, action: bgpV1.FilterAction.ACCEPT }] }],
    }),
  );
}

async function startAgain(): Promise<void> {
  await daemon.kill();
  daemon.restart();
  await until(
    'the configuration',
    () => daemon.status(),
    ({ configuredUnixMillis }) => configuredUnixMillis > 0n,
  );
}

describe('a reflector without a kernel', () => {
  it('says that nothing was lost, and tells no table as whole before those have spoken who were there', async () => {
    const [first, second, absent] = [rig.addHost(), rig.addHost(), rig.addHost()];
    await reflect([first, second, absent]);
    const capabilities: readonly Capability[] = [
      { kind: 'multiprotocol', family: 4 },
      { kind: 'route-refresh' },
      { kind: 'enhanced-route-refresh' },
      {
        kind: 'graceful-restart',
        restarting: false,
        notification: false,
        restartSeconds: 60,
        families: [{ family: 4, forwardingPreserved: true }],
      },
    ];
    const open = (host: Host, id: number): Promise<RawPeer> =>
      RawPeer.open(host, ours, { routerId: 0x0a0900c8 + id, capabilities });
    const ends = (peer: RawPeer): number => peer.bodies(messageType.update).filter(({ length }) => length === 4).length;
    const hop = first.address.split('.').map(Number);
    const route = rawUpdate([0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, ...hop], [24, 198, 18, 1]);

    const before = [await open(first, 1), await open(second, 2)];
    before[0]!.send(route, encodeEndOfRib(4));
    await until(
      'the route',
      () => before[1]!.bodies(messageType.update).length,
      (count) => count > 1,
    );
    const [fresh] = (await before[0]!.receivesOpen()).capabilities.filter(({ kind }) => kind === 'graceful-restart');
    expect(fresh).toMatchObject({ restarting: false, families: [{ forwardingPreserved: false }] });

    await startAgain();
    const back = await open(first, 1);
    const [restarted] = (await back.receivesOpen()).capabilities.filter(({ kind }) => kind === 'graceful-restart');
    expect(restarted).toMatchObject({ restarting: true, families: [{ forwardingPreserved: true }] });
    back.send(encodeRouteRefresh(4), route, encodeEndOfRib(4));
    await until(
      'the route here',
      () => daemon.routes(),
      (routes) => routes.length === 1,
    );
    expect([ends(back), (await daemon.status()).restarting]).toEqual([0, true]);

    const other = await open(second, 2);
    other.send(encodeEndOfRib(4));
    await until(
      'both tables',
      () => [ends(back), ends(other)].join(),
      (counts) => counts === '1,1',
    );
    // RFC 7313 4: no marks before the End-of-RIB.
    expect(back.bodies(messageType.routeRefresh)).toEqual([]);
    expect(other.bodies(messageType.update)).toHaveLength(2);
    expect((await daemon.status()).restarting).toBe(false);
    for (const peer of [...before, back, other]) peer.close();
  });

  it('loses no packet between its clients through kill -9 and a new start', async () => {
    const kind = otherKinds.find(({ name }) => name === 'BIRD')!;
    const hosts = [rig.addHost(), rig.addHost()] as const;
    const speakers = hosts.map((host, index) => {
      host.ip('address', 'add', `10.244.${index}.1/32`, 'dev', 'lo');
      return kind.start(host, { asn: 64512, peer: ours.address, peerAs: 64512, prefixes: [`10.244.${index}.0/26`] });
    });
    await reflect(hosts);
    await daemon.established(2);
    const route = `10.244.1.0/26 via ${hosts[1].address} dev eth0`;
    const hasRoute = (): boolean => hosts[0].routes('bird').some((shown) => shown.startsWith(route));
    await until('the route', hasRoute, Boolean);
    const traffic = new Traffic(hosts[0], '10.244.1.1');
    await startAgain();
    await until(
      'the end of the restart',
      () => daemon.status(),
      ({ restarting }) => !restarting,
    );
    await daemon.established(2);
    await until(
      'the routes again',
      () => speakers.map((speaker, index) => speaker.show(`10.244.${1 - index}.0/26`)),
      (shown) => shown.every((text) => text !== '' && !/stale/i.test(text)),
    );
    expect(hasRoute()).toBe(true);
    expect(await traffic.stop()).toMatch(/ 0% packet loss/);
  });
});
