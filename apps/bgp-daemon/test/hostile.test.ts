import { Socket } from 'node:net';
import {
  decodeNotification,
  encodeKeepalive,
  encodeMessage,
  encodeOpen,
  encodeRouteRefresh,
  messageType,
  type Notification,
} from '@calico-node/bgp';
import { bgpV1 } from '@calico-node/rpc';
import { openTcpSocket } from '@calico-node/netlink';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Daemon, Rig, until, type Host } from './rig.ts';

let rig: Rig;
let ours: Host;
let witness: Host;
let attacker: Host;
let daemons: Daemon[];

beforeAll(async () => {
  rig = new Rig();
  ours = rig.addHost();
  witness = rig.addHost();
  attacker = rig.addHost();
  daemons = [new Daemon(ours), new Daemon(witness)];
  const config = (me: Host, peers: readonly Host[]): bgpV1.BgpConfig =>
    bgpV1.BgpConfig.fromPartial({
      routerId: me.address,
      localAs: 64512,
      neighbors: peers.map(({ address }) => ({
        name: address,
        address,
        remoteAs: 64512,
        sourceAddress: me.address,
        passive: me === ours,
      })),
      staticRoutes: [{ prefix: me === ours ? '10.244.1.0/26' : '10.244.2.0/26', suppressSpecifics: true }],
      kernel: { learn: true, program: true, announceWithin: ['10.244.0.0/16'] },
    });
  await daemons[0]!.apply(config(ours, [witness, attacker]));
  await daemons[1]!.apply(config(witness, [ours]));
  await daemons[1]!.established(1);
});

afterAll(async () => {
  for (const daemon of daemons) daemon.close();
  await rig.close();
});

/** A connection from the attacker's namespace. */
function attack(): Socket {
  const fd = openTcpSocket({ family: 4, netns: `/run/netns/${attacker.name}` });
  const options = { fd, readable: true, writable: true, manualStart: true };
  return new Socket(options).connect({ host: ours.address, port: 179 });
}

/** Connects, sends, and gives all messages received until the other side closes. */
async function send(...chunks: readonly Uint8Array[]): Promise<{ type: number; body: Uint8Array }[]> {
  const socket = attack();
  const received: Buffer[] = [];
  await new Promise<void>((resolve, reject) => {
    socket.on('data', (chunk) => received.push(chunk));
    socket.on('end', resolve);
    socket.on('error', reject);
    for (const chunk of chunks) socket.write(chunk);
  });
  socket.destroy();
  const bytes = new Uint8Array(Buffer.concat(received));
  const messages = [];
  for (let at = 0; at < bytes.length;) {
    const length = (bytes[at + 16]! << 8) | bytes[at + 17]!;
    messages.push({ type: bytes[at + 18]!, body: bytes.slice(at + 19, at + length) });
    at += length;
  }
  return messages;
}

async function answer(...chunks: readonly Uint8Array[]): Promise<Notification> {
  const messages = await send(...chunks);
  const last = messages.at(-1)!;
  expect(last.type).toBe(messageType.notification);
  return decodeNotification(last.body, 0, last.body.length);
}

const open = (change: Partial<Parameters<typeof encodeOpen>[0]> = {}): Uint8Array =>
  encodeMessage(
    messageType.open,
    encodeOpen({
      asn: 64512,
      holdSeconds: 90,
      routerId: 0x0a090003,
      capabilities: [{ kind: 'four-octet-as', asn: change.asn ?? 64512 }],
      ...change,
    }),
  );

const header = (length: number, type: number): Uint8Array =>
  Uint8Array.of(...new Uint8Array(16).fill(0xff), length >> 8, length & 0xff, type);

const version3 = (): Uint8Array => {
  const bytes = open();
  bytes[19] = 3;
  return bytes;
};

const session = (): Uint8Array[] => [open(), encodeKeepalive()];
const update = (...body: number[]): Uint8Array => encodeMessage(messageType.update, Uint8Array.from(body));

type Case = readonly [string, () => readonly Uint8Array[], number, number, readonly number[]];

const cases: readonly Case[] = [
  ['no marker', () => [Buffer.from('GET / HTTP/1.1\r\n\r\n')], 1, 1, []],
  ['a length of 18', () => [header(18, 4)], 1, 2, [0, 18]],
  ['a length of 4097', () => [header(4097, 2)], 1, 2, [0x10, 1]],
  ['a KEEPALIVE of 20', () => [header(20, 4)], 1, 2, [0, 20]],
  ['an OPEN of 28', () => [header(28, 1)], 1, 2, [0, 28]],
  ['message type 9', () => [header(19, 9)], 1, 3, [9]],
  ['version 3', () => [version3()], 2, 1, [0, 4]],
  ['another AS', () => [open({ asn: 65000 })], 2, 2, []],
  ['AS 0', () => [open({ asn: 0 })], 2, 2, []],
  ['identifier 0', () => [open({ routerId: 0 })], 2, 3, []],
  ['our own identifier', () => [open({ routerId: 0x0a090001 })], 2, 3, []],
  ['a hold time of 2', () => [open({ holdSeconds: 2 })], 2, 6, []],
  ['a KEEPALIVE before the OPEN', () => [encodeKeepalive()], 5, 1, [4]],
  ['an UPDATE in OpenConfirm', () => [open(), update(0, 0, 0, 0)], 5, 2, [2]],
  ['a second OPEN', () => [...session(), open()], 5, 3, [1]],
  ['withdrawn routes beyond the end', () => [...session(), update(0, 9, 0, 0)], 3, 1, []],
  ['attributes beyond the end', () => [...session(), update(0, 0, 0, 9)], 3, 1, []],
  ['a prefix of 33 bits', () => [...session(), update(0, 0, 0, 0, 33, 1, 2, 3, 4, 5)], 3, 10, []],
  [
    'an unknown well-known attribute',
    () => [...session(), update(0, 0, 0, 3, 0x40, 99, 0, 24, 1, 2, 3)],
    3,
    2,
    [0x40, 99, 0],
  ],
];

describe('a peer that sends rubbish', () => {
  it.each(cases)('gets the right NOTIFICATION for %s', async (_name, chunks, code, subcode, data) => {
    const before = (await daemons[1]!.peers())[0]!.sinceUnixMillis;
    expect(await answer(...chunks())).toEqual({ code, subcode, data: Uint8Array.from(data) });
    const [peer] = await daemons[1]!.peers();
    expect(peer).toMatchObject({ state: bgpV1.SessionState.ESTABLISHED, sinceUnixMillis: before });
    expect(witness.routes('bird')).toContain(`10.244.1.0/26 via ${ours.address} dev eth0`);
  });

  it('may come back before its old connection is known dead, and its routes stay meanwhile', async () => {
    const graceful = (restarting: boolean): Uint8Array =>
      open({
        capabilities: [
          { kind: 'four-octet-as', asn: 64512 },
          {
            kind: 'graceful-restart',
            restarting,
            notification: false,
            restartSeconds: 60,
            families: [{ family: 4, forwardingPreserved: true }],
          },
        ],
      });
    const list = [0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, 10, 9, 0, 3];
    const route = update(0, 0, 0, list.length, ...list, 24, 192, 0, 2);
    const kept = `192.0.2.0/24 via ${attacker.address} dev eth0`;
    const old = attack();
    const closed = new Promise((resolve) => old.once('close', resolve));
    old.on('error', () => undefined);
    let next: Socket | undefined;
    try {
      for (const chunk of [graceful(false), encodeKeepalive(), route]) old.write(chunk);
      await until(
        'route',
        () => ours.routes('bird'),
        (routes) => routes.includes(kept),
      );
      next = attack();
      for (const chunk of [graceful(true), encodeKeepalive()]) next.write(chunk);
      old.resume();
      await closed;
      const stale = await until(
        'session',
        () => daemons[0]!.routes('192.0.2.0/24'),
        ([path]) => path?.stale === true,
      );
      expect(stale).toMatchObject([{ best: true }]);
      expect(ours.routes('bird')).toContain(kept);
      next.write(update(0, 0, 0, 0));
      await until(
        'sweep',
        () => ours.routes('bird'),
        (routes) => !routes.includes(kept),
      );
    } finally {
      old.destroy();
      next?.destroy();
    }
  });

  it('loses what it does not repeat between the marks of a refresh (RFC 7313)', async () => {
    const capabilities = [
      { kind: 'four-octet-as', asn: 64512 },
      { kind: 'route-refresh' },
      { kind: 'enhanced-route-refresh' },
    ] as const;
    const list = [0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, 10, 9, 0, 3];
    const route = (octet: number): Uint8Array => update(0, 0, 0, list.length, ...list, 24, 198, 18, octet);
    const known = async (): Promise<string[]> =>
      (await daemons[0]!.routes()).filter(({ source }) => source === attacker.address).map(({ prefix }) => prefix);
    const socket = attack();
    try {
      for (const chunk of [open({ capabilities }), encodeKeepalive(), route(1), route(2)]) socket.write(chunk);
      await until('two routes', known, (prefixes) => prefixes.length === 2);
      for (const chunk of [encodeRouteRefresh(4, 'begin'), route(2), encodeRouteRefresh(4, 'end')]) socket.write(chunk);
      expect(await until('one route', known, (prefixes) => prefixes.length === 1)).toEqual(['198.18.2.0/24']);
    } finally {
      socket.destroy();
    }
  });

  it('has malformed routes treated as withdrawn, and keeps its session', async () => {
    // ORIGIN 7 is malformed: RFC 7606 7.1.
    const attributes = [0x40, 1, 1, 7, 0x40, 2, 0, 0x40, 3, 4, 10, 9, 0, 3];
    const good = attributes.with(3, 0);
    const routes = (list: number[], prefix: number[]): Uint8Array => update(0, 0, 0, list.length, ...list, ...prefix);
    const socket = attack();
    try {
      for (const chunk of [...session(), routes(good, [24, 198, 51, 100]), routes(good, [24, 203, 0, 113])])
        socket.write(chunk);
      await until(
        'routes',
        () => daemons[0]!.routes(),
        (all) => all.filter(({ source }) => source === attacker.address).length === 2,
      );
      socket.write(routes(attributes, [24, 198, 51, 100]));
      const left = await until(
        'one route',
        () => daemons[0]!.routes(),
        (all) => all.filter(({ source }) => source === attacker.address).length === 1,
      );
      expect(left.map(({ prefix }) => prefix)).toContain('203.0.113.0/24');
      const peers = await daemons[0]!.peers();
      expect(peers.find(({ address }) => address === attacker.address)?.state).toBe(bgpV1.SessionState.ESTABLISHED);
    } finally {
      socket.destroy();
    }
  });
});
