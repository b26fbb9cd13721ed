import { Socket } from 'node:net';
import { encodeKeepalive, encodeMessage, encodeOpen, encodeRouteRefresh, messageType } from '@calico-node/bgp';
import { openTcpSocket } from '@calico-node/netlink';
import { bgpV1 } from '@calico-node/rpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Daemon, Rig, until, type Host } from './rig.ts';

let rig: Rig;
let ours: Host;
let theirs: Host;
let daemon: Daemon;
let sockets: Socket[];

beforeEach(() => {
  rig = new Rig();
  ours = rig.addHost();
  theirs = rig.addHost();
  daemon = new Daemon(ours);
  sockets = [];
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  daemon.close();
  await rig.close();
});

function config(parts: Partial<bgpV1.BgpConfig>, neighbor: Partial<bgpV1.Neighbor> = {}): bgpV1.BgpConfig {
  return bgpV1.BgpConfig.fromPartial({
    routerId: ours.address,
    localAs: 64512,
    neighbors: [{ name: 'peer', address: theirs.address, remoteAs: 64512, passive: true, ...neighbor }],
    ...parts,
  });
}

/** A peer that opens a session, and reads nothing unless it is told to. */
function connect(): Socket {
  const fd = openTcpSocket({ family: 4, netns: `/run/netns/${theirs.name}` });
  const socket = new Socket({ fd, readable: true, writable: true });
  sockets.push(socket.on('error', () => undefined));
  socket.connect({ host: ours.address, port: 179 });
  const capabilities = [{ kind: 'four-octet-as', asn: 64512 }, { kind: 'route-refresh' }] as const;
  const open = encodeOpen({ asn: 64512, holdSeconds: 90, routerId: 0x0a090002, capabilities });
  socket.write(encodeMessage(messageType.open, open));
  socket.write(encodeKeepalive());
  return socket;
}

const peer = (what: string, holds: (peer: bgpV1.Peer) => boolean): Promise<bgpV1.Peer[]> =>
  until(
    what,
    () => daemon.peers(),
    ([one]) => one !== undefined && holds(one),
  );

describe('the send hold timer (RFC 9687)', () => {
  it('ends a session whose peer says that it is alive, and reads nothing', async () => {
    const staticRoutes = Array.from({ length: 20_000 }, (_, index) =>
      bgpV1.StaticRoute.fromPartial({
        prefix: `10.${100 + (index >> 14)}.${(index >> 6) & 255}.${(index & 63) << 2}/30`,
      }),
    );
    const filters = [
      bgpV1.Filter.fromPartial({ name: 'all', rules: [{ family: 4, action: bgpV1.FilterAction.ACCEPT }] }),
    ];
    await daemon.apply(config({ staticRoutes, filters }, { sendHoldSeconds: 1, exportFilters: ['all'] }));
    const socket = connect();
    // Asks for the whole table again and again, until no buffer of the kernel takes more.
    const beat = setInterval(() => socket.write(Buffer.concat([encodeKeepalive(), encodeRouteRefresh(4)])), 10);
    try {
      const [ended] = await peer('the end', ({ lastError }) => lastError !== '');
      expect(ended?.lastError).toMatch(/send hold/i);
    } finally {
      clearInterval(beat);
    }
  });
});

describe('dampening', () => {
  it('keeps a peer down that comes and goes, and tells for how long', async () => {
    await daemon.apply(config({ dampening: bgpV1.Dampening.fromPartial({ flaps: 1 }) }));
    for (const flaps of [1, 2]) {
      const socket = connect().resume();
      await daemon.established();
      socket.destroy();
      await peer('a flap', (one) => one.flaps === flaps);
    }
    const [damped] = await daemon.peers();
    expect(damped?.dampedSeconds).toBeGreaterThan(0);
    const refused = connect().resume();
    await until(
      'refusal',
      () => refused.closed,
      (isClosed) => isClosed,
    );
    expect((await daemon.peers())[0]).toMatchObject({ flaps: 2, messagesReceived: damped?.messagesReceived });
    // Time heals, and so does the operator.
    await daemon.apply(config({}));
    connect().resume();
    await daemon.established();
  });
});

describe('the log level', () => {
  it('changes with the configuration, without a session noticing', async () => {
    const { DEBUG, INFO, NONE } = bgpV1.LogLevel;
    const lines = (text: string): number => ours.log('daemon.log').split(text).length - 1;
    await daemon.apply(config({ logLevel: INFO }));
    connect().resume();
    const [established] = await daemon.established();
    const stranger = async (): Promise<void> => {
      const fd = openTcpSocket({ family: 4, netns: `/run/netns/${rig.addHost().name}` });
      const socket = new Socket({ fd, readable: true, writable: true });
      sockets.push(socket.on('error', () => undefined));
      socket.connect({ host: ours.address, port: 179 }).resume();
      await until(
        'refusal',
        () => socket.closed,
        (isClosed) => isClosed,
      );
    };
    const refusals = (): number => lines('an address that is no peer');
    await stranger();
    expect([refusals(), lines('configuration applied')]).toEqual([0, 1]);
    await daemon.apply(config({ logLevel: DEBUG }));
    await stranger();
    expect([refusals(), lines('configuration applied')]).toEqual([1, 2]);
    await daemon.apply(config({ logLevel: NONE }));
    await stranger();
    expect([refusals(), lines('configuration applied')]).toEqual([1, 2]);
    expect((await daemon.peers())[0]?.sinceUnixMillis).toBe(established?.sinceUnixMillis);
  });
});
