/** Connections that cross each other (RFC 4271 6.8), with a peer that is nothing but sockets. */
import { once } from 'node:events';
import { createServer, Socket, type Server } from 'node:net';
import { encodeKeepalive, encodeMessage, encodeOpen, messageType } from '@calico-node/bgp';
import { parseIp } from '@calico-node/net';
import { openTcpSocket } from '@calico-node/netlink';
import { bgpV1 } from '@calico-node/rpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Daemon, Rig, until, type Host } from './rig.ts';

let rig: Rig;
let ours: Host;
let theirs: Host;
let daemon: Daemon;
let server: Server | undefined;
const sockets: Socket[] = [];

beforeEach(() => {
  rig = new Rig();
  ours = rig.addHost();
  theirs = rig.addHost();
  daemon = new Daemon(ours);
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server?.close();
  server = undefined;
  daemon.close();
  await rig.close();
});

const netns = (): string => `/run/netns/${theirs.name}`;

/** What has come on a connection, message by message. */
function received(socket: Socket): number[] {
  const types: number[] = [];
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    for (; rest.length >= 19 && rest.length >= rest.readUInt16BE(16); rest = rest.subarray(rest.readUInt16BE(16)))
      types.push(rest[18]!);
  });
  sockets.push(socket.on('error', () => undefined));
  return types;
}

function dial(): Socket {
  const fd = openTcpSocket({ family: 4, netns: netns() });
  const options = { fd, readable: true, writable: true, manualStart: true };
  return new Socket(options).connect({ host: ours.address, port: 179 });
}

/** The kernel completes connections from now on; who takes them comes later. */
function listen(): () => Promise<{ socket: Socket; types: number[] }> {
  const fd = openTcpSocket({
    family: 4,
    netns: netns(),
    bind: { ip: parseIp(theirs.address), port: 179 },
    listenBacklog: 8,
  });
  return async () => {
    server = createServer().listen({ fd });
    const [socket] = (await once(server, 'connection')) as [Socket];
    return { socket, types: received(socket) };
  };
}

const open = (lastOctet: number): Uint8Array =>
  encodeMessage(
    messageType.open,
    encodeOpen({
      asn: 64512,
      holdSeconds: 90,
      routerId: 0x0a090000 + lastOctet,
      capabilities: [{ kind: 'four-octet-as', asn: 64512 }],
    }),
  );

const apply = (parts: Partial<bgpV1.Neighbor> = {}): Promise<unknown> =>
  daemon.apply(
    bgpV1.BgpConfig.fromPartial({
      routerId: ours.address,
      localAs: 64512,
      neighbors: [{ name: 'peer', address: theirs.address, remoteAs: 64512, ...parts }],
    }),
  );

/** How many of our connections the other kernel has completed. */
const completed = (): number =>
  ours.ss('state', 'established', 'dst', theirs.address, 'dport', '=', '179').filter((line) => line !== '').length;

const { open: OPEN, keepalive: KEEPALIVE, notification: NOTIFICATION } = messageType;

describe('connections that cross each other', () => {
  it.each([
    ['the peer has the higher identifier: its own stays', 200],
    ['we have the higher identifier: ours stays', 0],
  ])('wait until the peer has taken ours, which its kernel had completed: %s', async (_name, identifier) => {
    const accept = listen();
    await apply();
    await until('our connection', completed, (count) => count === 1);
    const theirsOut = dial();
    const answers = received(theirsOut);
    theirsOut.write(open(identifier));
    theirsOut.write(encodeKeepalive());
    await until(
      'our OPEN',
      () => answers,
      (types) => types.includes(OPEN),
    );
    // The peer's daemon gets to its listening socket only now, and must not find a session up beside it.
    const { socket: oursIn, types } = await accept();
    expect(answers).toEqual([OPEN]);
    oursIn.write(open(identifier));
    oursIn.write(encodeKeepalive());
    const [stays, goes] = identifier === 200 ? [answers, types] : [types, answers];
    await until(
      'the outcome',
      () => [stays, goes],
      () => stays.includes(KEEPALIVE) && goes.includes(NOTIFICATION),
    );
    const [peer] = await daemon.established();
    expect(peer).toMatchObject({ state: bgpV1.SessionState.ESTABLISHED, lastError: '' });
  });

  it('do not wait for ever for a peer that never takes ours', async () => {
    listen();
    await apply();
    await until('our connection', completed, (count) => count === 1);
    const theirsOut = dial();
    received(theirsOut);
    theirsOut.write(open(200));
    theirsOut.write(encodeKeepalive());
    await daemon.established();
  });

  it('do not wait for ours where the peer cannot be reached', async () => {
    ours.nft('add table inet t; add chain inet t out { type filter hook output priority 0; }');
    ours.nft('add rule inet t out tcp dport 179 drop');
    await apply();
    await until(
      'our attempt',
      () => daemon.peers(),
      ([peer]) => peer?.state === bgpV1.SessionState.CONNECT,
    );
    const theirsOut = dial();
    received(theirsOut);
    theirsOut.write(open(200));
    theirsOut.write(encodeKeepalive());
    await daemon.established();
  });
});
