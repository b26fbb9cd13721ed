import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bgpV1, callUnary } from '@calico-node/rpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bird, Daemon, Rig, until, type Host } from './rig.ts';

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

const prefix = '192.0.2.0/24';
const ourPrefix = '10.244.1.0/26';

interface BirdParts {
  readonly asn?: number;
  readonly statics?: string;
  /** Of the BGP protocol. */
  readonly session?: string;
  /** Of its IPv4 channel. */
  readonly channel?: string;
  readonly local?: string;
  readonly neighbor?: string;
}

function startBird(host: Host, parts: BirdParts = {}): Bird {
  const { asn = 64512, local = host.address, neighbor = ours.address } = parts;
  return new Bird(
    host,
    `router id ${host.address};
log stderr all;
debug protocols { states };
protocol device { scan time 1; }
protocol direct { ipv4; ipv6; }
${parts.statics ?? `protocol static s1 { ipv4; route ${prefix} via ${host.address}; }`}
protocol bgp ours {
  local ${local} as ${asn};
  neighbor ${neighbor} as 64512;
  connect retry time 1; connect delay time 1; error wait time 1, 2;
  ${parts.session ?? ''}
  ipv4 { import all; export where source = RTS_STATIC; next hop self; ${parts.channel ?? ''} };
}
`,
  );
}

function config(
  neighbors: readonly (Partial<bgpV1.Neighbor> & { address: string })[],
  rest: Partial<bgpV1.BgpConfig> = {},
): bgpV1.BgpConfig {
  return bgpV1.BgpConfig.fromPartial({
    routerId: ours.address,
    localAs: 64512,
    neighbors: neighbors.map((neighbor) => ({ name: neighbor.address, remoteAs: 64512, ...neighbor })),
    staticRoutes: [{ prefix: ourPrefix, suppressSpecifics: true }],
    kernel: { learn: true, program: true, announceWithin: ['10.244.0.0/16'] },
    ...rest,
  });
}

const acceptAll = {
  filters: [bgpV1.Filter.fromPartial({ name: 'all', rules: [{ family: 4, action: bgpV1.FilterAction.ACCEPT }] })],
};

const routeOf = (wanted: string): string => ours.ip('-o', 'route', 'show', wanted, 'proto', 'bird').trim();

const pathsOf = (bird: Bird, wanted: string): string[] =>
  bird
    .birdc('show', 'route', wanted, 'all')
    .split('\n')
    .filter((line) => line.includes('BGP.next_hop'));

const peerAt = async (host: Host): Promise<bgpV1.Peer> => {
  const found = (await daemon.peers()).find(({ address }) => address === host.address);
  if (found === undefined) throw new Error(`no peer ${host.address}`);
  return found;
};

const shutDown = (peer: string, message: string): Promise<unknown> =>
  callUnary(daemon.client.shutdownPeer.bind(daemon.client), { peer, message }, { timeoutMs: 5000 });

const reload = (peer: string): Promise<bgpV1.ReloadPeerResponse> =>
  callUnary(daemon.client.reloadPeer.bind(daemon.client), { peer, hard: false }, { timeoutMs: 5000 });

describe('with BIRD 2', () => {
  it('spreads packets over next hops that are equally good, and over those left', async () => {
    const [a, b] = [rig.addHost(), rig.addHost()];
    const birds = [startBird(a), startBird(b)];
    await daemon.apply(config([{ address: a.address }, { address: b.address }]));
    const both = await until(
      'two ways',
      () => routeOf(prefix),
      (route) => route.includes(a.address) && route.includes(b.address),
    );
    expect(both).toMatch(/nexthop via 10\.9\.0\.\d dev eth0 weight 1/);
    birds[0]!.birdc('disable', 's1');
    const one = await until(
      'one way',
      () => routeOf(prefix),
      (route) => route !== '' && !route.includes(a.address),
    );
    expect(one).toMatch(`${prefix} via ${b.address} dev eth0`);
    birds[0]!.birdc('enable', 's1');
    await until(
      'two again',
      () => routeOf(prefix),
      (route) => route.includes(a.address),
    );
    const { kernel } = config([]);
    await daemon.apply(
      config([{ address: a.address }, { address: b.address }], { kernel: { ...kernel!, maxPaths: 1 } }),
    );
    await until(
      'only the best',
      () => routeOf(prefix),
      (route) => route !== '' && !route.includes('nexthop'),
    );
  });

  it('takes several paths to a prefix and passes them on (ADD-PATH)', async () => {
    const [a, b] = [rig.addHost(), rig.addHost()];
    const sender = startBird(a, {
      statics: `protocol static s1 { ipv4 { preference 200; }; route ${prefix} via ${a.address}; }
protocol static s2 { ipv4 { preference 200; }; route ${prefix} via ${b.address}; }`,
      channel: 'add paths tx; next hop keep;',
    });
    const receiver = startBird(b, { statics: '', channel: 'add paths rx;' });
    const client = { routeReflectorClient: true, exportFilters: ['all'] };
    await daemon.apply(
      config(
        [
          { address: a.address, addPathReceive: true, ...client },
          { address: b.address, addPathSend: true, ...client },
        ],
        acceptAll,
      ),
    );
    await until(
      'two paths here',
      () => daemon.routes(prefix),
      (routes) => routes.length === 2,
    );
    await until(
      'two paths there',
      () => pathsOf(receiver, prefix),
      (paths) => paths.length === 2,
    );
    expect((await peerAt(b)).capabilities).toContain('ADD-PATH send IPv4');
    sender.birdc('disable', 's2');
    await until(
      'one path there',
      () => pathsOf(receiver, prefix),
      (paths) => paths.length === 1,
    );
    sender.birdc('enable', 's2');
    await until(
      'two again',
      () => pathsOf(receiver, prefix),
      (paths) => paths.length === 2,
    );
    sender.birdc('disable', 'ours');
    await until(
      'none',
      () => pathsOf(receiver, prefix),
      (paths) => paths.length === 0,
    );
  });

  it('tells and asks for all routes anew, between marks, and loses none (enhanced route refresh)', async () => {
    const theirs = rig.addHost();
    const bird = startBird(theirs);
    await daemon.apply(config([{ address: theirs.address }]));
    await until(
      'their route',
      () => routeOf(prefix),
      (route) => route !== '',
    );
    const { sinceUnixMillis, capabilities } = await peerAt(theirs);
    expect(capabilities).toContain('enhanced route refresh');
    await until(
      'our route',
      () => pathsOf(bird, ourPrefix),
      (paths) => paths.length === 1,
    );
    bird.birdc('reload', 'in', 'ours');
    expect(await reload(theirs.address)).toEqual({ refreshed: 1, restarted: 0 });
    await until(
      'answers',
      () => peerAt(theirs),
      ({ messagesReceived }) => messagesReceived >= 8n,
    );
    expect(routeOf(prefix)).not.toBe('');
    expect(pathsOf(bird, ourPrefix)).toHaveLength(1);
    expect(await peerAt(theirs)).toMatchObject({ sinceUnixMillis, prefixesReceived: 1n });
  });

  it('keeps routes as the last resort when a restart takes too long (LLGR), until they are repeated', async () => {
    const theirs = rig.addHost();
    const session = `graceful restart on; graceful restart time 1;
  long lived graceful restart on; long lived stale time 60;`;
    const bird = startBird(theirs, { session });
    await daemon.apply(config([{ address: theirs.address, longLivedSeconds: 60 }]));
    await until(
      'their route',
      () => routeOf(prefix),
      (route) => route !== '',
    );
    const isMarked = ([route]: readonly bgpV1.Route[]): boolean =>
      route?.stale === true && route.communities.includes('65535:6');
    await bird.kill();
    await until('stale', () => daemon.routes(prefix), isMarked);
    expect(routeOf(prefix)).not.toBe('');
    bird.restart();
    await until(
      'fresh',
      () => daemon.routes(prefix),
      ([route]) => route?.stale === false && route.communities.length === 0,
    );
  });

  it('says once why a session does not come up', async () => {
    const host = rig.addHost();
    startBird(host);
    await daemon.apply(config([{ address: host.address, remoteAs: 64999 }]));
    const said = (): string[] =>
      ours
        .log('daemon.log')
        .split('\n')
        .filter((line) => line.includes(`"peer":"${host.address}"`) && line.includes('"msg":"connection failed"'));
    const lines = await until(
      'two tries',
      said,
      (all) => all.filter((line) => line.includes('Bad Peer AS')).length > 1,
    );
    const told = lines.filter((line) => line.includes('Bad Peer AS') && line.startsWith('{"level":"warn"'));
    expect(told).toHaveLength(1);
  });

  it('agrees on roles, and refuses a peer whose role does not fit', async () => {
    const theirs = rig.addHost();
    const bird = startBird(theirs, { asn: 64777, session: 'local role provider;' });
    const asCustomer = { address: theirs.address, remoteAs: 64777, role: bgpV1.Role.CUSTOMER };
    await daemon.apply(config([asCustomer]));
    await daemon.established();
    expect((await peerAt(theirs)).capabilities).toContain('role customer');
    await until(
      'our route',
      () => pathsOf(bird, ourPrefix),
      (paths) => paths.length === 1,
    );
    await daemon.apply(config([{ ...asCustomer, role: bgpV1.Role.PEER }]));
    const { lastError } = await until(
      'refusal',
      () => peerAt(theirs),
      ({ lastError: text }) => text.includes('Role Mismatch'),
    );
    expect(lastError).toContain('OPEN Message Error');
  });

  it('reaches IPv4 through IPv6 next hops over a session of IPv6', async () => {
    const theirs = rig.addHost();
    const [ourIp, theirIp] = ['fd00:9::1', 'fd00:9::2'];
    ours.ip('address', 'add', `${ourIp}/64`, 'dev', 'eth0', 'nodad');
    theirs.ip('address', 'add', `${theirIp}/64`, 'dev', 'eth0', 'nodad');
    const bird = startBird(theirs, { local: theirIp, neighbor: ourIp, channel: 'extended next hop on;' });
    await daemon.apply(config([{ address: theirIp, families: [4, 6] }]));
    await until(
      'their route',
      () => routeOf(prefix),
      (route) => route.includes(`via inet6 ${theirIp} dev eth0`),
    );
    const [path] = await until(
      'our route',
      () => pathsOf(bird, ourPrefix),
      (paths) => paths.length === 1,
    );
    expect(path).toContain(ourIp);
  });

  it('ends a session with too many prefixes, and stays down where that is wanted', async () => {
    const theirs = rig.addHost();
    const statics = `protocol static s1 { ipv4; route ${prefix} via ${theirs.address}; route 198.51.100.0/24 via ${theirs.address}; }`;
    const bird = startBird(theirs, { statics });
    const limited = { address: theirs.address, maxPrefixes: 1, maxPrefixesAction: bgpV1.PrefixLimitAction.STOP };
    await daemon.apply(config([limited]));
    await until(
      'the end',
      () => peerAt(theirs),
      ({ state, sinceUnixMillis }) => state === bgpV1.SessionState.IDLE && sinceUnixMillis > 0n,
    );
    await until(
      'why, there',
      () => bird.birdc('show', 'protocols', 'all', 'ours'),
      (text) => text.includes('Maximum number of prefixes reached'),
    );
    expect(await daemon.routes(prefix)).toEqual([]);
    await daemon.apply(config([{ ...limited, maxPrefixes: 2 }]));
    expect(await reload('')).toEqual({ refreshed: 0, restarted: 1 });
    await daemon.established();
  });

  it('takes packets from as near as it is told only (GTSM), and its own AS number as often as allowed', async () => {
    const [near, far] = [rig.addHost(), rig.addHost()];
    const change = {
      channel: 'export filter { if source != RTS_STATIC then reject; bgp_path.prepend(64512); accept; };',
    };
    startBird(near, { asn: 64777, session: 'ttl security on;', ...change });
    // A BIRD that does not send with the largest TTL is no nearer than one from far away.
    startBird(far, { asn: 64777, session: 'multihop;', ...change });
    const neighbor = { remoteAs: 64777, ttlSecurityHops: 1 };
    const both = (allowedLocalAs: number): bgpV1.BgpConfig =>
      config([
        { ...neighbor, address: near.address, allowedLocalAs },
        { ...neighbor, address: far.address, multihop: true },
      ]);
    await daemon.apply(both(1));
    const [route] = await until(
      'a route with our AS number',
      () => daemon.routes(prefix),
      (routes) => routes.length > 0,
    );
    expect(route).toMatchObject({ asPath: '64777 64512', source: near.address });
    await daemon.apply(both(0));
    await until(
      'the session without it',
      () => peerAt(near),
      ({ state, messagesReceived }) => state === bgpV1.SessionState.ESTABLISHED && messagesReceived > 3n,
    );
    expect(await daemon.routes(prefix)).toEqual([]);
    expect((await peerAt(far)).state).not.toBe(bgpV1.SessionState.ESTABLISHED);
  });

  it('shuts a session down with words for the operator there, until it is reloaded', async () => {
    const theirs = rig.addHost();
    startBird(theirs);
    await daemon.apply(config([{ address: theirs.address }]));
    await daemon.established();
    await shutDown(theirs.address, 'back at noon');
    await until(
      'the words',
      () => theirs.log('bird.log'),
      (text) => text.includes('back at noon'),
    );
    expect(await peerAt(theirs)).toMatchObject({ shutDown: true, state: bgpV1.SessionState.IDLE });
    expect(await reload(theirs.address)).toEqual({ refreshed: 0, restarted: 1 });
    await daemon.established();
    await expect(shutDown('nobody', '')).rejects.toThrow("there is no peer 'nobody'");
  });

  it('takes peers from a network without naming each, as many as allowed', async () => {
    const [a, b] = [rig.addHost(), rig.addHost()];
    startBird(a, { session: 'password "range";' });
    const template = bgpV1.Neighbor.fromPartial({ remoteAs: 64512, password: 'range' });
    await daemon.apply(config([], { dynamicNeighbors: [{ prefix: '10.9.0.0/24', template, limit: 1 }] }));
    await daemon.established();
    expect(await daemon.peers()).toMatchObject([{ name: `dynamic_${a.address}`, dynamic: true }]);
    await until(
      'its route',
      () => routeOf(prefix),
      (route) => route !== '',
    );
    startBird(b, { session: 'password "range";' });
    await until(
      'refusal',
      () => ours.log('daemon.log'),
      (text) => text.includes('too many dynamic neighbours'),
    );
    expect(await daemon.peers()).toHaveLength(1);
  });

  it('starts from a file, and on SIGHUP takes over what has changed without touching other sessions', async () => {
    const [a, b] = [rig.addHost(), rig.addHost()];
    startBird(a);
    startBird(b);
    await daemon.kill('SIGTERM');
    const file = join(ours.directory, 'speaker.json');
    const write = (holdSeconds: number): void => {
      const neighbors = [
        { name: 'a', address: a.address, remoteAs: 64512 },
        { name: 'b', address: b.address, remoteAs: 64512, holdSeconds },
      ];
      writeFileSync(file, JSON.stringify({ routerId: ours.address, localAs: 64512, neighbors }));
    };
    write(60);
    daemon.restart(['--config', file]);
    await daemon.established(2);
    const [first, second] = await daemon.peers();
    write(30);
    process.kill(daemon.pid, 'SIGHUP');
    const after = await until(
      'the new hold time',
      () => daemon.peers(),
      (peers) => peers.some(({ holdSeconds }) => holdSeconds === 30),
    );
    expect(after.find(({ name }) => name === 'a')?.sinceUnixMillis).toBe(first?.sinceUnixMillis);
    expect(second?.holdSeconds).toBe(60);
    writeFileSync(file, '{"routerId": 7}');
    process.kill(daemon.pid, 'SIGHUP');
    await until(
      'the complaint',
      () => ours.log('daemon.log'),
      (text) => text.includes('keeping the old one'),
    );
    await daemon.established(2);
  });
});
