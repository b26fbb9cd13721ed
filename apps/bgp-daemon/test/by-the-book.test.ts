/** What RFCs ask of a speaker that no friendly peer would make it show, with peers that are nothing but sockets. */
import {
  decodeUpdate,
  encodeMessage,
  encodeNotification,
  encodeKeepalive,
  encodeRouteRefresh,
  messageType,
  nlriToArray,
  notification,
  shutdownNotification,
  type Capability,
  type UpdateContext,
} from '@calico-node/bgp';
import { bgpV1 } from '@calico-node/rpc';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { RawListener, rawOpen, RawPeer, rawUpdate, type RawOpen } from './raw-peer.ts';
import { Daemon, Rig, until, type Host } from './rig.ts';

let rig: Rig;
let ours: Host;
let daemon: Daemon;
const peers: RawPeer[] = [];

beforeAll(() => {
  rig = new Rig();
  ours = rig.addHost();
  daemon = new Daemon(ours);
});

afterEach(() => {
  for (const peer of peers.splice(0)) peer.close();
});

afterAll(async () => {
  daemon.close();
  await rig.close();
});

const { update: UPDATE, keepalive: KEEPALIVE, routeRefresh: REFRESH } = messageType;

async function apply(
  neighbors: readonly (Partial<bgpV1.Neighbor> & { address: string })[],
  rest: Partial<bgpV1.BgpConfig> = {},
): Promise<void> {
  await daemon.apply(
    bgpV1.BgpConfig.fromPartial({
      routerId: ours.address,
      localAs: 64512,
      neighbors: neighbors.map((neighbor) => ({
        name: neighbor.address,
        remoteAs: 64512,
        passive: true,
        ...neighbor,
      })),
      ...rest,
    }),
  );
}

async function open(from: Host, parts: RawOpen = {}): Promise<RawPeer> {
  const peer = await RawPeer.open(from, ours, parts);
  peers.push(peer);
  return peer;
}

/** A new host that is the only neighbour. */
async function onlyPeer(neighbor: Partial<bgpV1.Neighbor> = {}, rest: Partial<bgpV1.BgpConfig> = {}): Promise<Host> {
  const host = rig.addHost();
  await apply([{ address: host.address, ...neighbor }], rest);
  return host;
}

/** ORIGIN, an empty AS_PATH, and a NEXT_HOP. */
const attributes = (host: Host): number[] => {
  const octets = host.address.split('.').map(Number);
  return [0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, ...octets];
};
const net = (octet: number): number[] => [24, 198, 18, octet];

const knownFrom = async (host: Host): Promise<string[]> =>
  (await daemon.routes()).filter(({ source }) => source === host.address).map(({ prefix }) => prefix);

const untilKnown = (host: Host, wanted: readonly string[]): Promise<string[]> =>
  until(
    `exactly ${wanted.join()}`,
    () => knownFrom(host),
    (prefixes) => prefixes.sort().join() === [...wanted].sort().join(),
  );

/** What a peer has been told, in order: `+` announced, `-` withdrawn. */
function told(peer: RawPeer, context: Partial<UpdateContext> = {}): string[] {
  return peer.bodies(UPDATE).flatMap((body) => {
    const agreed = { as4: true, external: false, families: [4], addPath: [], ...context } as const;
    const result = decodeUpdate(body, 0, body.length, agreed);
    if (result.kind === 'reset') throw new Error(result.reason);
    return [
      ...result.withdrawn.flatMap(nlriToArray).map(({ prefix }) => `-${prefix}`),
      ...result.announced.flatMap(({ block }) => nlriToArray(block)).map(({ prefix }) => `+${prefix}`),
    ];
  });
}

const untilTold = (peer: RawPeer, what: string): Promise<string[]> =>
  until(
    what,
    () => told(peer),
    (all) => all.includes(what),
  );

type Families = (Capability & { readonly kind: 'graceful-restart' })['families'];

function gracefulRestart(families: Families, restarting = false, restartSeconds = 60): Capability {
  return { kind: 'graceful-restart', restarting, notification: false, restartSeconds, families };
}

describe('RFC 4271', () => {
  it('ends a session whose peer is silent for the hold time, with keepalives of its own until then (4.4, 6.5)', async () => {
    const host = await onlyPeer();
    const peer = await open(host, { holdSeconds: 3 });
    expect(await peer.receivesNotification()).toMatchObject({ code: 4, subcode: 0 });
    expect(peer.bodies(KEEPALIVE).length).toBeGreaterThanOrEqual(3);
  });

  it('takes a prefix for announced that one UPDATE both withdraws and announces (4.3)', async () => {
    const host = await onlyPeer();
    const peer = await open(host);
    peer.send(rawUpdate(attributes(host), net(1)), rawUpdate(attributes(host), net(2), [...net(2), ...net(1)]));
    await untilKnown(host, ['198.18.2.0/24']);
  });

  it('does not use a route through itself, and forgets the one that it replaces (5.1.3, 6.3)', async () => {
    const host = await onlyPeer();
    const peer = await open(host);
    peer.send(rawUpdate(attributes(host), [...net(1), ...net(2)]));
    await untilKnown(host, ['198.18.1.0/24', '198.18.2.0/24']);
    peer.send(rawUpdate(attributes(ours), net(1)));
    await untilKnown(host, ['198.18.2.0/24']);
  });

  it('uses no next hop of an adjacent peer that is on no network of ours, until it is (6.3)', async () => {
    const kernel = bgpV1.KernelConfig.fromPartial({ learn: true, program: true });
    const host = await onlyPeer({ remoteAs: 64777 }, { kernel });
    ours.ip('route', 'add', '10.8.0.0/24', 'via', host.address);
    const peer = await open(host, { asn: 64777 });
    const through = (octets: number[]): number[] => [
      ...[0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0xfd, 9],
      ...[0x40, 3, 4, ...octets],
    ];
    peer.send(rawUpdate(through([10, 8, 0, 9]), net(1)), rawUpdate(through([10, 9, 0, 99]), net(2)));
    const used = (...prefixes: string[]): Promise<string[]> =>
      until(
        `routes to ${prefixes.join()}`,
        () => ours.routes('bird').map((route) => route.split(' ', 1)[0] ?? ''),
        (seen) => seen.join() === prefixes.join(),
      );
    await used('198.18.2.0/24');
    const [path] = (await daemon.explain('198.18.1.0/24')).paths;
    expect(path?.verdict).toContain('10.8.0.9 is neither the peer nor on a network of this node');
    // Further away the peer may name anybody who can be reached.
    await apply([{ address: host.address, remoteAs: 64777, multihop: true }], { kernel });
    const again = await open(host, { asn: 64777 });
    again.send(rawUpdate(through([10, 8, 0, 9]), net(1)), rawUpdate(through([10, 9, 0, 99]), net(2)));
    await used('198.18.1.0/24', '198.18.2.0/24');
    await apply([{ address: host.address, remoteAs: 64777 }], { kernel });
    const third = await open(host, { asn: 64777 });
    third.send(rawUpdate(through([10, 8, 0, 9]), net(1)));
    await used();
    ours.ip('route', 'del', '10.8.0.0/24');
    ours.ip('address', 'add', '10.8.0.1/24', 'dev', 'eth0');
    await used('198.18.1.0/24');
    ours.ip('address', 'del', '10.8.0.1/24', 'dev', 'eth0');
  });

  it('tells a peer nothing that it has from it, and withdraws what it had from another when that one goes (9.1.3)', async () => {
    const [a, b] = [rig.addHost(), rig.addHost()];
    await apply(
      [a, b].map(({ address }) => ({ address, routeReflectorClient: true })),
      {
        filters: [bgpV1.Filter.fromPartial({ name: 'all', rules: [{ family: 4, action: bgpV1.FilterAction.ACCEPT }] })],
      },
    );
    await apply(
      [a, b].map(({ address }) => ({ address, routeReflectorClient: true, exportFilters: ['all'] })),
      {
        filters: [bgpV1.Filter.fromPartial({ name: 'all', rules: [{ family: 4, action: bgpV1.FilterAction.ACCEPT }] })],
      },
    );
    const [one, two] = [await open(a), await open(b, { routerId: 0x0a0900c9 })];
    one.send(rawUpdate(attributes(a), net(7)));
    await untilTold(two, '+198.18.7.0/24');
    expect(told(one)).toEqual([]);
    one.send(encodeNotification(notification(6, 2)));
    await untilTold(two, '-198.18.7.0/24');
  });

  it('keeps announcements of the same route apart, and neither others nor withdrawals (9.2.1.1)', async () => {
    const [one, two] = ['10.244.1.0/26', '10.244.2.0/26'];
    const statics = (...prefixes: readonly string[]): bgpV1.StaticRoute[] =>
      prefixes.map((prefix) => bgpV1.StaticRoute.fromPartial({ prefix }));
    const marked = [{ prefix: one, communities: ['1:2'] }];
    const host = await onlyPeer({ advertisementSeconds: 600 }, { staticRoutes: statics(one) });
    const peer = await open(host);
    await untilTold(peer, `+${one}`);
    const slow = [{ address: host.address, advertisementSeconds: 600 }];
    await apply(slow, { staticRoutes: statics(one, two), prefixCommunities: marked });
    // The change of the first waits, the second need not.
    expect(await untilTold(peer, `+${two}`)).toEqual([`+${one}`, `+${two}`]);
    const reason = async (): Promise<string | undefined> => (await daemon.explain(one)).exports[0]?.reason;
    expect(await reason()).toContain('waits for the interval');
    await apply(slow, { staticRoutes: statics(two), prefixCommunities: marked });
    await untilTold(peer, `-${one}`);
    await apply(slow, { staticRoutes: statics(one, two), prefixCommunities: marked });
    await until('held again', reason, (text) => text?.includes('waits for the interval') === true);
    await apply([{ address: host.address }], { staticRoutes: statics(one, two), prefixCommunities: marked });
    const all = await until(
      'all that waited',
      () => told(peer),
      (seen) => seen.lastIndexOf(`+${one}`) > seen.indexOf(`-${one}`),
    );
    expect(all.slice(0, 3)).toEqual([`+${one}`, `+${two}`, `-${one}`]);
  });

  it('shows why a peer has ended the session, in its own words (RFC 9003)', async () => {
    const host = await onlyPeer();
    const peer = await open(host);
    peer.send(encodeNotification(shutdownNotification(2, 'back at nine')));
    const [seen] = await until(
      'the reason',
      () => daemon.peers(),
      ([one]) => one?.lastError !== '',
    );
    expect(seen?.lastError).toBe('Received: Cease: Administrative Shutdown ("back at nine")');
  });
});

describe('capabilities (RFC 5492)', () => {
  it('passes over those that it does not know', async () => {
    const host = await onlyPeer();
    await open(host, { capabilities: [{ kind: 'other', code: 239, value: Uint8Array.of(1, 2, 3) }] });
    await daemon.established();
  });

  it('names the families that it misses', async () => {
    const host = await onlyPeer();
    const peer = RawPeer.dial(host, ours);
    peers.push(peer);
    peer.send(rawOpen({ capabilities: [{ kind: 'multiprotocol', family: 6 }] }));
    const { code, subcode, data } = await peer.receivesNotification();
    expect([code, subcode, [...data]]).toEqual([2, 7, [1, 4, 0, 1, 0, 1]]);
  });

  it('tells none to a peer that refuses them, and speaks as of old with it', async () => {
    const host = rig.addHost();
    const listener = new RawListener(host);
    try {
      await apply([{ address: host.address, passive: false }], {
        staticRoutes: [bgpV1.StaticRoute.fromPartial({ prefix: '10.244.1.0/26' })],
      });
      const first = await listener.accept();
      peers.push(first);
      expect((await first.receivesOpen()).capabilities).not.toEqual([]);
      first.send(encodeNotification(notification(2, 4)));
      const second = await listener.accept();
      peers.push(second);
      expect((await second.receivesOpen()).capabilities).toEqual([]);
      second.send(rawOpen({ isOld: true }), encodeKeepalive());
      await daemon.established();
      await until(
        'our route',
        () => told(second, { as4: false }),
        (all) => all.includes('+10.244.1.0/26'),
      );
    } finally {
      listener.close();
    }
  });
});

describe('four-octet AS numbers (RFC 6793)', () => {
  it('reach through a peer that has only two octets for them', async () => {
    const host = rig.addHost();
    const localAs = 4_200_000_001;
    await apply([{ address: host.address, remoteAs: 65010 }], {
      localAs,
      staticRoutes: [bgpV1.StaticRoute.fromPartial({ prefix: '10.244.1.0/26' })],
    });
    const peer = await open(host, { asn: 65010, isOld: true });
    const [mine] = peer.bodies(messageType.open);
    expect([mine![1], mine![2]]).toEqual([23456 >> 8, 23456 & 255]);
    const body = (await peer.receives(UPDATE)).find((one) => one.length > 4);
    const result = decodeUpdate(body!, 0, body!.length, { as4: false, external: true, families: [4], addPath: [] });
    // AS_TRANS in AS_PATH, and the number itself in AS4_PATH.
    expect(result).toMatchObject({ announced: [{ attributes: { asPath: [{ asns: [localAs] }] } }] });
    const octets = [...attributes(host).slice(7)];
    const path = [0x40, 2, 8, 2, 3, 65010 >> 8, 65010 & 255, 0x5b, 0xa0, 0x5b, 0xa0];
    const as4Path = [0xc0, 17, 10, 2, 2, 0xfa, 0x56, 0xea, 0x10, 0xfa, 0x56, 0xea, 0x11];
    peer.send(rawUpdate([0x40, 1, 1, 0, ...path, ...octets, ...as4Path], net(1)));
    const [route] = await until(
      'its route',
      () => daemon.routes('198.18.1.0/24'),
      (routes) => routes.length === 1,
    );
    expect(route?.asPath).toBe('65010 4200000016 4200000017');
  });
});

describe('communities', () => {
  it('that stay in an AS do, and those that are there twice are passed on once (RFC 4360 6, RFC 8092 5)', async () => {
    const [a, b] = [rig.addHost(), rig.addHost()];
    await apply([{ address: a.address }, { address: b.address, remoteAs: 65010, exportFilters: ['all'] }], {
      filters: [bgpV1.Filter.fromPartial({ name: 'all', rules: [{ family: 4, action: bgpV1.FilterAction.ACCEPT }] })],
    });
    const [one, two] = [await open(a), await open(b, { asn: 65010, routerId: 0x0a0900c9 })];
    const large = [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
    const lists = [0xc0, 16, 16, 0x40, 0, 1, 1, 1, 1, 1, 1, 0, 2, 3, 3, 3, 3, 3, 3, 0xc0, 32, 24, ...large, ...large];
    one.send(rawUpdate([...attributes(a), ...lists], net(1)));
    await untilTold(two, '+198.18.1.0/24');
    const body = two.bodies(UPDATE).find((bytes) => bytes.length > 4);
    expect(
      decodeUpdate(body!, 0, body!.length, { as4: true, external: true, families: [4], addPath: [] }),
    ).toMatchObject({
      announced: [{ attributes: { extendedCommunities: [0x0002_0303_0303_0303n], largeCommunities: [[1, 2, 3]] } }],
    });
    expect(body!.length).toBeLessThan(100);
  });
});

describe('a route whose attributes only just fit into a message', () => {
  it('is not passed on where they would not, and disturbs no session (RFC 8654 4)', async () => {
    const [a, b] = [rig.addHost(), rig.addHost()];
    await apply(
      [a, b].map(({ address }) => ({ address, routeReflectorClient: true, exportFilters: ['all'] })),
      {
        filters: [bgpV1.Filter.fromPartial({ name: 'all', rules: [{ family: 4, action: bgpV1.FilterAction.ACCEPT }] })],
      },
    );
    const [one, two] = [await open(a), await open(b, { routerId: 0x0a0900c9 })];
    const list = attributes(a);
    const unknown = (length: number): number[] => [
      0xd0,
      222,
      length >> 8,
      length & 255,
      ...new Array<number>(length).fill(7),
    ];
    // With the reflector's attributes it has more than 4096 octets.
    one.send(rawUpdate([...list, ...unknown(4096 - 23 - 4 - 4 - list.length)], net(1)));
    one.send(rawUpdate([...list, ...unknown(3900)], net(2)));
    await untilTold(two, '+198.18.2.0/24');
    expect(told(two)).not.toContain('+198.18.1.0/24');
    const { exports } = await daemon.explain('198.18.1.0/24');
    expect(exports.find(({ peer }) => peer === b.address)).toMatchObject({
      announced: false,
      reason: 'its attributes are too long for a message to the peer',
    });
    expect(two.isClosed).toBe(false);
    // What was told before goes when it becomes too long.
    one.send(rawUpdate([...list, ...unknown(4096 - 23 - 4 - 4 - list.length)], net(2)));
    await untilTold(two, '-198.18.2.0/24');
  });
});

describe('route refresh (RFC 2918, RFC 7313)', () => {
  const enhanced: readonly Capability[] = [{ kind: 'route-refresh' }, { kind: 'enhanced-route-refresh' }];

  it('tells the table again when asked, between marks, and passes over a family that was not agreed on', async () => {
    const host = await onlyPeer({}, { staticRoutes: [bgpV1.StaticRoute.fromPartial({ prefix: '10.244.1.0/26' })] });
    const peer = await open(host, { capabilities: enhanced });
    await untilTold(peer, '+10.244.1.0/26');
    // The End-of-RIB.
    await peer.receives(UPDATE, 2);
    peer.send(encodeRouteRefresh(6), encodeRouteRefresh(4));
    const marks = await peer.receives(REFRESH, 2);
    expect(marks.map((body) => [...body])).toEqual([
      [0, 1, 1, 1],
      [0, 1, 2, 1],
    ]);
    expect(told(peer)).toEqual(['+10.244.1.0/26', '+10.244.1.0/26']);
    expect(peer.types.slice(-3)).toEqual([REFRESH, UPDATE, REFRESH]);
  });

  it.each([
    ['a mark', [0, 1, 1, 1, 9], 7, 1, true],
    ['a request', [0, 1, 0, 1, 9], 1, 2, false],
  ])('ends the session for %s of a wrong length', async (_name, body, code, subcode, hasWhole) => {
    const host = await onlyPeer();
    const peer = await open(host, { capabilities: enhanced });
    const message = encodeMessage(REFRESH, Uint8Array.from(body));
    peer.send(message);
    const data = hasWhole ? message : Uint8Array.of(0, 24);
    expect(await peer.receivesNotification()).toEqual({ code, subcode, data });
  });

  it('takes no mark before the End-of-RIB of a peer that sends one', async () => {
    const host = await onlyPeer();
    const graceful = gracefulRestart([]);
    const peer = await open(host, { capabilities: [...enhanced, graceful] });
    const [begin, end] = [encodeRouteRefresh(4, 'begin'), encodeRouteRefresh(4, 'end')];
    peer.send(rawUpdate(attributes(host), net(1)), begin, rawUpdate(attributes(host), net(2)), end);
    peer.send(rawUpdate([], []), rawUpdate(attributes(host), net(3)));
    await untilKnown(host, ['198.18.1.0/24', '198.18.2.0/24', '198.18.3.0/24']);
    peer.send(begin, rawUpdate(attributes(host), net(2)), end);
    await untilKnown(host, ['198.18.2.0/24']);
  });

  it('does not take a mark at the end for one that had none at the beginning', async () => {
    const host = await onlyPeer();
    const graceful = gracefulRestart([{ family: 4, forwardingPreserved: true }]);
    const first = await open(host, { capabilities: [...enhanced, graceful] });
    first.send(rawUpdate(attributes(host), net(1)));
    await untilKnown(host, ['198.18.1.0/24']);
    await first.drop();
    const second = await open(host, { capabilities: [...enhanced, graceful] });
    second.send(encodeRouteRefresh(4, 'end'), rawUpdate(attributes(host), net(2)));
    await untilKnown(host, ['198.18.1.0/24', '198.18.2.0/24']);
  });
});

describe('graceful restart of a peer (RFC 4724 4.2)', () => {
  const graceful = (families: Families, restartSeconds?: number): readonly Capability[] => [
    gracefulRestart(families, true, restartSeconds),
  ];
  const only4 = [{ family: 4, forwardingPreserved: true }] as const;
  const endOfRib4 = rawUpdate([], []);
  const reach = (afi: 1 | 2, prefix: readonly number[]): Uint8Array => {
    const hop = [0xfd, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
    const value = [0, afi, 1, 16, ...hop, 0, ...prefix];
    return rawUpdate([0x40, 1, 1, 0, 0x40, 2, 0, 0x80, 14, value.length, ...value], []);
  };
  const net6 = [32, 0xfd, 0, 0, 1];

  /** A neighbour with both families over IPv6 (RFC 8950), and how its sessions are opened. */
  async function peerOfBoth(): Promise<readonly [Host, (capabilities: readonly Capability[]) => Promise<RawPeer>]> {
    const host = rig.addHost();
    const ourIp = 'fd00:9::1';
    if (!ours.ip('address', 'show', 'dev', 'eth0').includes(ourIp))
      ours.ip('address', 'add', `${ourIp}/64`, 'dev', 'eth0', 'nodad');
    const address = `fd00:9::${host.address.split('.')[3]}`;
    host.ip('address', 'add', `${address}/64`, 'dev', 'eth0', 'nodad');
    await apply([{ name: host.address, address, families: [4, 6] }]);
    const both: readonly Capability[] = [
      { kind: 'multiprotocol', family: 4 },
      { kind: 'multiprotocol', family: 6 },
      { kind: 'extended-next-hop', families: [4] },
    ];
    return [
      host,
      async (capabilities) => {
        const peer = await RawPeer.open(host, ours, { capabilities: [...both, ...capabilities] }, ourIp);
        peers.push(peer);
        return peer;
      },
    ];
  }

  it('keeps its routes until End-of-RIB, and not those that an earlier restart had left', async () => {
    const host = await onlyPeer();
    const capabilities = graceful(only4);
    const first = await open(host, { capabilities });
    first.send(rawUpdate(attributes(host), [...net(1), ...net(2)]), endOfRib4);
    await untilKnown(host, ['198.18.1.0/24', '198.18.2.0/24']);
    await first.drop();
    const second = await open(host, { capabilities });
    second.send(rawUpdate(attributes(host), [...net(2), ...net(3)]));
    await untilKnown(host, ['198.18.1.0/24', '198.18.2.0/24', '198.18.3.0/24']);
    // It restarts again before its End-of-RIB: what is stale from the first time goes.
    await second.drop();
    await untilKnown(host, ['198.18.2.0/24', '198.18.3.0/24']);
    const third = await open(host, { capabilities });
    third.send(rawUpdate(attributes(host), net(3)), endOfRib4);
    await untilKnown(host, ['198.18.3.0/24']);
  });

  it('drops them at once where it has not gone on forwarding, family by family', async () => {
    const [host, openBoth] = await peerOfBoth();
    const first = await openBoth(graceful([...only4, { family: 6, forwardingPreserved: true }]));
    first.send(reach(1, net(1)), reach(2, net6));
    await untilKnown(host, ['198.18.1.0/24', 'fd00:1::/32']);
    await first.drop();
    const second = await openBoth(graceful([...only4, { family: 6, forwardingPreserved: false }]));
    await untilKnown(host, ['198.18.1.0/24']);
    await second.drop();
  });

  it('keeps only the families that it had spoken of, and drops each with its own End-of-RIB', async () => {
    const [host, openBoth] = await peerOfBoth();
    const first = await openBoth(graceful(only4));
    first.send(reach(1, [...net(1), ...net(2)]), reach(2, net6));
    await untilKnown(host, ['198.18.1.0/24', '198.18.2.0/24', 'fd00:1::/32']);
    await first.drop();
    await untilKnown(host, ['198.18.1.0/24', '198.18.2.0/24']);
    const second = await openBoth(graceful(only4));
    second.send(reach(1, net(2)), endOfRib4);
    await untilKnown(host, ['198.18.2.0/24']);
    await second.drop();
  });

  it('drops them when it is not back in time, or ends the session on purpose', async () => {
    const host = await onlyPeer();
    const first = await open(host, { capabilities: graceful(only4, 1) });
    first.send(rawUpdate(attributes(host), net(1)));
    await untilKnown(host, ['198.18.1.0/24']);
    await first.drop();
    await untilKnown(host, []);
    const second = await open(host, { capabilities: graceful(only4, 4000) });
    second.send(rawUpdate(attributes(host), net(2)));
    await untilKnown(host, ['198.18.2.0/24']);
    second.send(encodeNotification(notification(6, 4)));
    await untilKnown(host, []);
  });
});
