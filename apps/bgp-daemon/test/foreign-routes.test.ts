/** Routes of others in the kernel: what next hops cost by them, and that they stay where they are. */
import { messageType } from '@calico-node/bgp';
import { bgpV1 } from '@calico-node/rpc';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RawPeer, rawUpdate } from './raw-peer.ts';
import { Daemon, Rig, until, type Host } from './rig.ts';

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

type Hops = readonly (readonly [Host, string])[];

async function apply(hops: Hops, kernel: Partial<bgpV1.KernelConfig>): Promise<void> {
  await daemon.apply(
    bgpV1.BgpConfig.fromPartial({
      routerId: ours.address,
      localAs: 64512,
      neighbors: hops.map(([{ address }]) => ({ name: address, address, remoteAs: 64512, passive: true })),
      kernel,
    }),
  );
}

/** Sessions with peers of our AS, each of which tells of 198.18.1.0/24 through the next hop beside it. */
async function peersWith(hops: Hops, kernel: Partial<bgpV1.KernelConfig>): Promise<RawPeer[]> {
  await apply(hops, kernel);
  return Promise.all(
    hops.map(async ([host, hop], index) => {
      const peer = await RawPeer.open(host, ours, { routerId: 0x0a0900c8 + index });
      const attributes = [0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, ...hop.split('.').map(Number)];
      peer.send(rawUpdate(attributes, [24, 198, 18, 1]));
      return peer;
    }),
  );
}

it('chooses the next hop that costs less to reach, by the metrics of those routes (RFC 4271 9.1.2.2 e)', async () => {
  const [a, b] = [rig.addHost(), rig.addHost()];
  const [first, second] = ['10.77.1.1', '10.77.2.1'];
  const route = (command: string, hop: string, via: Host, metric: string): string =>
    ours.ip('route', command, `${hop}/32`, 'via', via.address, 'metric', metric);
  route('add', first, a, '10');
  route('add', second, b, '20');
  const peers = await peersWith(
    [
      [a, first],
      [b, second],
    ],
    { program: true },
  );
  const isUsed = (host: Host): Promise<string[]> =>
    until(
      `the way through ${host.address}`,
      () => ours.routes('bird'),
      (routes) => routes.includes(`198.18.1.0/24 via ${host.address} dev eth0`),
    );
  await isUsed(a);
  await until(
    'both paths',
    () => daemon.routes(),
    (routes) => routes.length === 2,
  );
  // Better, though nothing else speaks for it; then as good as the other, and worse again.
  route('add', second, b, '5');
  await isUsed(b);
  route('add', first, a, '5');
  await until(
    'both ways',
    () => ours.ip('-o', 'route', 'show', '198.18.1.0/24'),
    (shown) => shown.includes(a.address) && shown.includes(b.address),
  );
  route('del', second, b, '5');
  await isUsed(a);
  for (const peer of peers) peer.close();
});

it('leaves the routes of a BIRD alone where it is to write none, and the others always', async () => {
  const host = rig.addHost();
  const others = ['bird', 'static', '186'].map((protocol, index) => {
    ours.ip('route', 'add', `10.66.${index}.0/24`, 'via', host.address, 'proto', protocol);
    return `10.66.${index}.0/24`;
  });
  const there = (): string[] => others.filter((prefix) => ours.ip('route', 'show', prefix) !== '');
  await daemon.kill();
  daemon.restart();
  const peers = await peersWith([[host, host.address]], {});
  await until(
    'the route',
    () => daemon.routes(),
    (routes) => routes.length === 1,
  );
  await peers[0]!.receives(messageType.update);
  expect((await daemon.status()).restarting).toBe(false);
  expect(there()).toEqual(others);
  ours.ip('route', 'add', '10.66.9.0/24', 'via', host.address, 'proto', 'bird');
  await apply([[host, host.address]], { program: true });
  // What has the number of ours is taken for ours from now on.
  await until('only those of others', there, (left) => left.join() === others.slice(1).join());
  await until(
    'ours',
    () => ours.routes('bird').join(),
    (routes) => routes === `198.18.1.0/24 via ${host.address} dev eth0`,
  );
  for (const peer of peers) peer.close();
});
