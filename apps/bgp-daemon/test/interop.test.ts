import { bgpV1 } from '@calico-node/rpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { otherKinds, whyMissing, type OtherConfig, type OtherSpeaker } from './other-speakers.ts';
import { Bird, Daemon, Rig, Traffic, until, type Host } from './rig.ts';

const asn = 64512;
const theirPrefix = '10.244.2.0/26';
const ourPrefix = '10.244.1.0/26';

function linkLocalOf(host: Host): string {
  const [, address] = /inet6 (fe80:\S+)\//.exec(host.ip('address', 'show', 'dev', 'eth0')) ?? [];
  if (address === undefined) throw new Error('no link-local address on eth0');
  return address;
}

for (const kind of otherKinds) {
  const missing = whyMissing(kind);
  const title = missing === undefined ? `with ${kind.name}` : `with ${kind.name}: skipped, ${missing}`;

  describe.skipIf(missing !== undefined)(title, () => {
    let rig: Rig;
    let ours: Host;
    let theirs: Host;
    let daemon: Daemon;

    beforeEach(() => {
      rig = new Rig();
      ours = rig.addHost();
      theirs = rig.addHost();
      daemon = new Daemon(ours);
    });

    afterEach(async () => {
      daemon.close();
      await rig.close();
    });

    const start = (host: Host, config: Partial<OtherConfig> = {}): OtherSpeaker =>
      kind.start(host, { asn, peer: ours.address, peerAs: asn, prefixes: [theirPrefix], ...config });

    const config = (
      neighbors: readonly (Partial<bgpV1.Neighbor> & { address: string })[],
      rest: Partial<bgpV1.BgpConfig> = {},
    ): bgpV1.BgpConfig =>
      bgpV1.BgpConfig.fromPartial({
        nodeName: 'ours',
        routerId: ours.address,
        localAs: asn,
        neighbors: neighbors.map((neighbor) => ({ name: neighbor.address, remoteAs: asn, ...neighbor })),
        staticRoutes: [{ prefix: ourPrefix, suppressSpecifics: true }],
        kernel: { learn: true, program: true, announceWithin: ['10.244.0.0/16'] },
        ...rest,
      });

    const known = (speaker: OtherSpeaker, prefix: string): Promise<string> =>
      until(
        `${prefix} at ${kind.name}`,
        () => speaker.show(prefix),
        (text) => text.includes(prefix),
      );

    const inOurKernel = (route: string): Promise<string[]> =>
      until(
        'our kernel',
        () => ours.routes('bird'),
        (routes) => routes.includes(route),
      );

    it('exchanges routes in one AS, both sides signing, with large communities', async () => {
      const password = 'interop';
      const speaker = start(theirs, { password, largeCommunity: '64512:7:8' });
      const prefixCommunities = [{ prefix: ourPrefix, communities: ['64512:1', '64512:2:3'] }];
      await daemon.apply(config([{ address: theirs.address, password }], { prefixCommunities }));
      await daemon.established();
      const shown = await known(speaker, ourPrefix);
      expect(shown).toContain('64512:1');
      expect(shown).toMatch(/64512[:, ]+2[:, ]+3/);
      await inOurKernel(`${theirPrefix} via ${theirs.address} dev eth0`);
      const [route] = await daemon.routes(theirPrefix);
      expect(route).toMatchObject({ communities: ['64512:7:8'], best: true });
    });

    it('is a peer of another AS, and over IPv6', async () => {
      const [ourIp, theirIp] = ['fd00:9::1', 'fd00:9::2'];
      ours.ip('address', 'add', `${ourIp}/64`, 'dev', 'eth0', 'nodad');
      theirs.ip('address', 'add', `${theirIp}/64`, 'dev', 'eth0', 'nodad');
      const other = { asn: 64777, peer: ourIp, address: theirIp, prefixes: ['fd00:244:2::/122'] };
      const speaker = start(theirs, other);
      await daemon.apply(
        config([{ address: theirIp, remoteAs: 64777, multihop: kind.showsLinkLocal === undefined }], {
          staticRoutes: [bgpV1.StaticRoute.fromPartial({ prefix: 'fd00:244:1::/122' })],
        }),
      );
      await daemon.established();
      const shown = await known(speaker, 'fd00:244:1::/122');
      expect(shown).toContain('64512');
      const [route] = await until(
        'their route',
        () => (speaker.show('fd00:244:2::/122'), daemon.routes('fd00:244:2::/122')),
        (routes) => routes.length === 1,
      );
      expect(route).toMatchObject({ asPath: '64777', nextHop: theirIp, best: true });
      // RFC 2545 3: who is on the same link hears of our address there as well.
      if (kind.showsLinkLocal === true) expect(shown).toContain(linkLocalOf(ours));
    });

    it('reaches IPv4 through next hops of IPv6, both ways (RFC 8950)', async () => {
      const [ourIp, theirIp] = ['fd00:9::1', 'fd00:9::2'];
      ours.ip('address', 'add', `${ourIp}/64`, 'dev', 'eth0', 'nodad');
      theirs.ip('address', 'add', `${theirIp}/64`, 'dev', 'eth0', 'nodad');
      const speaker = start(theirs, { peer: ourIp, address: theirIp, ipv4OverIpv6: true });
      await daemon.apply(config([{ address: theirIp, families: [4], multihop: kind.showsLinkLocal === undefined }]));
      await daemon.established();
      await known(speaker, ourPrefix);
      expect(speaker.show(ourPrefix)).toContain(ourIp);
      await inOurKernel(`${theirPrefix} via inet6 ${theirIp} dev eth0`);
    });

    it('has its routes reflected from client to client, and between clients and others', async () => {
      const third = rig.addHost();
      const fourth = rig.addHost();
      const client = start(theirs);
      const other = start(third, { prefixes: ['10.244.3.0/26'] });
      const outsider = start(fourth, { prefixes: ['10.244.4.0/26'] });
      const reflector = { routeReflectorClient: true, clusterId: '1.1.1.1' };
      await daemon.apply(
        config([
          { address: theirs.address, ...reflector },
          { address: third.address, ...reflector },
          { address: fourth.address, clusterId: '1.1.1.1' },
        ]),
      );
      await daemon.established(3);
      for (const speaker of [client, other, outsider]) speaker.show(theirPrefix);
      expect(await known(other, theirPrefix)).toContain('1.1.1.1');
      await known(outsider, theirPrefix);
      await known(client, '10.244.4.0/26');
      await known(client, '10.244.3.0/26');
    });

    it('is a client of ours as a route server: its routes reach others as it tells them (RFC 7947)', async () => {
      const third = rig.addHost();
      const speaker = start(theirs, { asn: 64601 });
      const other = start(third, { asn: 64602, prefixes: ['10.244.3.0/26'] });
      const client = { routeServerClient: true };
      await daemon.apply(
        config([
          { address: theirs.address, remoteAs: 64601, ...client },
          { address: third.address, remoteAs: 64602, ...client },
        ]),
      );
      await daemon.established(2);
      speaker.show(theirPrefix);
      const shown = await known(other, theirPrefix);
      expect(shown).toContain('64601');
      expect(shown).toContain(theirs.address);
      expect(shown).not.toContain(String(asn));
      // Our own come from us.
      expect(await known(other, ourPrefix)).toContain(String(asn));
    });

    it('has its routes reflected through two clusters', async () => {
      const [second, fourth] = [rig.addHost(), rig.addHost()];
      const other = new Daemon(second);
      try {
        const near = start(theirs);
        const far = start(fourth, { peer: second.address, prefixes: [] });
        const routerOf = (host: Host, clusterId: string, client: string, reflector: string): bgpV1.BgpConfig => ({
          ...config([
            { address: client, routeReflectorClient: true, clusterId },
            { address: reflector, clusterId },
          ]),
          routerId: host.address,
        });
        await daemon.apply(routerOf(ours, '1.1.1.1', theirs.address, second.address));
        await other.apply({ ...routerOf(second, '2.2.2.2', fourth.address, ours.address), staticRoutes: [] });
        await daemon.established(2);
        await other.established(2);
        const shown = await until(
          'the cluster list',
          () => (near.show(theirPrefix), far.show(theirPrefix)),
          (text) => text.includes('1.1.1.1') && text.includes('2.2.2.2'),
        );
        expect(shown).toContain(theirPrefix);
      } finally {
        other.close();
      }
    });

    it('gives us two next hops for a prefix, and takes both paths from us (ADD-PATH)', async () => {
      const [third, fourth] = [rig.addHost(), rig.addHost()];
      const speakers = [start(theirs), start(third)];
      const receiver = start(fourth, { prefixes: [], addPath: 'receive' });
      const client = { routeReflectorClient: true };
      await daemon.apply(
        config([
          { address: theirs.address, ...client },
          { address: third.address, ...client },
          { address: fourth.address, ...client, addPathSend: true },
        ]),
      );
      await daemon.established(3);
      const isBoth = (text: string): boolean => text.includes(theirs.address) && text.includes(third.address);
      await until(
        'two ways in our kernel',
        () => {
          for (const speaker of speakers) speaker.show(theirPrefix);
          return ours.ip('-o', 'route', 'show', theirPrefix, 'proto', 'bird');
        },
        isBoth,
      );
      await until('two paths there', () => receiver.show(theirPrefix), isBoth);
      await speakers[0]!.kill();
      await daemon.apply(
        config([
          { address: third.address, ...client },
          { address: fourth.address, ...client, addPathSend: true },
        ]),
      );
      await until(
        'one path there',
        () => receiver.show(theirPrefix),
        (text) => text.includes(third.address) && !text.includes(theirs.address),
      );
    });

    it('tells us of all its paths to a prefix, and of the end of one (ADD-PATH)', async () => {
      const feeders = [64601, 64602].map((feederAs) => ({ feederAs, host: rig.addHost() }));
      const feeding = feeders.map(
        ({ feederAs, host }) =>
          new Bird(
            host,
            `router id ${host.address};
protocol device { scan time 1; }
protocol static mine { ipv4; route ${theirPrefix} blackhole; }
protocol bgp speaker {
  local ${host.address} as ${feederAs};
  neighbor ${theirs.address} as ${asn};
  connect retry time 1; connect delay time 1; error wait time 1, 2;
  ipv4 { import none; export all; };
}
`,
          ),
      );
      const peers = feeders.map(({ feederAs, host }) => ({ asn: feederAs, address: host.address }));
      start(theirs, { prefixes: [], addPath: 'send', feeders: peers });
      await daemon.apply(config([{ address: theirs.address, addPathReceive: true }]));
      await daemon.established();
      const paths = async (): Promise<string> =>
        (await daemon.routes(theirPrefix))
          .map(({ asPath }) => asPath)
          .sort()
          .join();
      await until('both paths', paths, (seen) => seen === '64601,64602');
      feeding[0]!.birdc('disable', 'mine');
      await until('the other path', paths, (seen) => seen === '64602');
    });

    it('keeps our routes through kill -9 of ours, and we keep its through kill -9 of it', async () => {
      const speaker = start(theirs);
      await daemon.apply(config([{ address: theirs.address }]));
      await daemon.established();
      await known(speaker, ourPrefix);
      const theirRoute = `${theirPrefix} via ${theirs.address} dev eth0`;
      await inOurKernel(theirRoute);
      theirs.ip('address', 'add', '10.244.2.1/32', 'dev', 'lo');
      const traffic = new Traffic(ours, '10.244.2.1');
      const seen: boolean[] = [];
      const look = (): void => {
        seen.push(ours.routes('bird').includes(theirRoute), speaker.show(ourPrefix).includes(ourPrefix));
      };
      await daemon.kill();
      look();
      daemon.restart();
      await until(
        'our return',
        () => (look(), daemon.status()),
        ({ restarting, configuredUnixMillis }) => !restarting && configuredUnixMillis > 0n,
      );
      await daemon.established();
      look();
      expect(seen).not.toContain(false);

      await speaker.kill();
      await until(
        'its loss',
        () => daemon.peers(),
        ([peer]) => peer?.stale === true,
      );
      expect(ours.routes('bird')).toContain(theirRoute);
      speaker.restart();
      await until(
        'its return',
        () => (speaker.show(ourPrefix), daemon.peers()),
        ([peer]) => peer?.state === bgpV1.SessionState.ESTABLISHED && peer.prefixesReceived === 1n,
      );
      expect(ours.routes('bird')).toContain(theirRoute);
      await known(speaker, ourPrefix);
      expect(await traffic.stop()).toMatch(/ 0% packet loss/);
    });
  });
}
