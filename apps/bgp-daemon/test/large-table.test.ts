import { bgpV1, callStreaming, callUnary } from '@calico-node/rpc';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RawPeer, rawUpdate } from './raw-peer.ts';
import { Daemon, Rig, until } from './rig.ts';

const count = 25_000;
const perUpdate = 500;

let rig: Rig;
let daemon: Daemon;
let peer: RawPeer;

beforeAll(async () => {
  rig = new Rig();
  const [ours, theirs] = [rig.addHost(), rig.addHost()];
  daemon = new Daemon(ours);
  await daemon.apply(
    bgpV1.BgpConfig.fromPartial({
      routerId: ours.address,
      localAs: 64512,
      neighbors: [{ name: 'peer', address: theirs.address, remoteAs: 64512, passive: true }],
      staticRoutes: [{ prefix: '198.18.0.0/24' }],
    }),
  );
  peer = await RawPeer.open(theirs, ours);
  const attributes = [0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, ...theirs.address.split('.').map(Number)];
  for (let at = 0; at < count; at += perUpdate) {
    const prefixes = Array.from({ length: perUpdate }, (_, index) => [24, 20, (at + index) >> 8, (at + index) & 255]);
    peer.send(rawUpdate(attributes, prefixes.flat()));
  }
  await until(
    'the table',
    () => daemon.status(),
    ({ routes }) => routes === BigInt(count + 1),
  );
});

afterAll(async () => {
  peer.close();
  daemon.close();
  await rig.close();
});

async function streamed(request: bgpV1.ListRoutesRequest): Promise<bgpV1.Route[]> {
  const pieces: bgpV1.Route[][] = [];
  for await (const { routes } of callStreaming(daemon.client.streamRoutes.bind(daemon.client), request))
    pieces.push(routes);
  return pieces.flat();
}

it('lists a table in pieces that is too large for one answer, and says so where that is asked for', async () => {
  const all = await streamed({ prefix: '', peer: '' });
  expect(all).toHaveLength(count + 1);
  expect(new Set(all.map(({ prefix }) => prefix)).size).toBe(count + 1);
  expect(all.every(({ best }) => best)).toBe(true);
  await expect(
    callUnary(daemon.client.listRoutes.bind(daemon.client), { prefix: '', peer: '' }, { timeoutMs: 30_000 }),
  ).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
});

it('lists one prefix, or what one neighbour tells, and refuses what is no prefix', async () => {
  expect(await streamed({ prefix: '20.0.7.0/24', peer: '' })).toMatchObject([{ source: 'peer', best: true }]);
  expect(await daemon.routes('20.0.7.0/24')).toHaveLength(1);
  expect(await streamed({ prefix: '', peer: 'static' })).toMatchObject([{ prefix: '198.18.0.0/24' }]);
  expect(await streamed({ prefix: '20.0.7.0/25', peer: '' })).toEqual([]);
  await expect(streamed({ prefix: '20.0.7.1/24', peer: '' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
});

it('goes on when a caller has enough', async () => {
  for await (const { routes } of callStreaming(daemon.client.streamRoutes.bind(daemon.client), {
    prefix: '',
    peer: '',
  })) {
    expect(routes.length).toBeGreaterThan(0);
    break;
  }
  expect(await daemon.routes('198.18.0.0/24')).toHaveLength(1);
});
