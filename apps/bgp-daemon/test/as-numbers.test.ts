/** What a neighbour's paths, and ours to it, look like where our AS number is not the same to everybody (RFC 7705). */
import { decodeUpdate, formatAsPath, messageType } from '@calico-node/bgp';
import { bgpV1 } from '@calico-node/rpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RawPeer, rawUpdate } from './raw-peer.ts';
import { Daemon, Rig, until, type Host } from './rig.ts';

const theirAs = 64601;
const theirPrefix = '198.18.7.0/24';
const ourPrefix = '10.244.1.0/24';

let rig: Rig;
let ours: Host;
let theirs: Host;
let daemon: Daemon;

beforeAll(() => {
  rig = new Rig();
  ours = rig.addHost();
  theirs = rig.addHost();
  daemon = new Daemon(ours);
});

afterAll(async () => {
  daemon.close();
  await rig.close();
});

/** A new session, over which the peer tells of its prefix with a path. */
async function session(neighbor: Partial<bgpV1.Neighbor>, path: readonly number[]): Promise<RawPeer> {
  await daemon.apply(
    bgpV1.BgpConfig.fromPartial({
      routerId: ours.address,
      localAs: 64512,
      neighbors: [{ name: 'peer', address: theirs.address, remoteAs: theirAs, passive: true, ...neighbor }],
      staticRoutes: [{ prefix: ourPrefix }],
    }),
  );
  const peer = await RawPeer.open(theirs, ours, { asn: theirAs });
  const asns = path.flatMap((asn) => [0, 0, asn >> 8, asn & 255]);
  const attributes = [0x40, 1, 1, 0, 0x40, 2, asns.length + 2, 2, path.length, ...asns];
  const nextHop = [0x40, 3, 4, ...theirs.address.split('.').map(Number)];
  peer.send(rawUpdate([...attributes, ...nextHop], [24, 198, 18, 7]));
  return peer;
}

/** The path with which our route has come to the peer. */
async function toldPath(peer: RawPeer): Promise<string> {
  const context = { as4: true, external: true, families: [4], addPath: [] } as const;
  return until(
    'our route',
    () =>
      peer.bodies(messageType.update).flatMap((body) => {
        const update = decodeUpdate(body, 0, body.length, context);
        return update.kind === 'reset' ? [] : update.announced.map(({ attributes }) => formatAsPath(attributes.asPath));
      })[0] ?? '',
    (path) => path !== '',
  );
}

describe('a local AS number', () => {
  it.each<readonly [string, Partial<bgpV1.Neighbor>, string, string]>([
    ['alone', {}, '64601 64700', '65001'],
    ['before the paths that come', { prependLocalAs: true }, '65001 64601 64700', '65001'],
    ['before our own in the paths that go', { keepGlobalAs: true }, '64601 64700', '65001 64512'],
  ])('shows %s, as configured', async (_where, options, received, told) => {
    const peer = await session({ localAs: 65001, ...options }, [theirAs, 64700]);
    const [route] = await until(
      'their route',
      () => daemon.routes(theirPrefix),
      (routes) => routes.length === 1,
    );
    expect(route).toMatchObject({ asPath: received });
    expect(await toldPath(peer)).toBe(told);
    peer.close();
  });
});

describe('the first AS number of a path', () => {
  it('has to be that of the peer where it is told to, or the route counts as withdrawn (RFC 4271 6.3, RFC 7606)', async () => {
    const peer = await session({ enforceFirstAs: true }, [64700, theirAs]);
    await toldPath(peer);
    expect(await daemon.routes(theirPrefix)).toEqual([]);
    expect((await daemon.established())[0]).toMatchObject({ name: 'peer' });
    peer.close();
  });
});
