/** Connections that cross each other (RFC 4271 6.8), with a peer that is nothing but sockets. */
import { encodeKeepalive, messageType } from '@calico-node/bgp';
import { bgpV1 } from '@calico-node/rpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RawListener, rawOpen, RawPeer } from './raw-peer.ts';
import { Daemon, Rig, until, type Host } from './rig.ts';

let rig: Rig;
let ours: Host;
let theirs: Host;
let daemon: Daemon;
let listener: RawListener | undefined;
let peers: RawPeer[];

beforeEach(() => {
  rig = new Rig();
  ours = rig.addHost();
  theirs = rig.addHost();
  daemon = new Daemon(ours);
  listener = undefined;
  peers = [];
});

afterEach(async () => {
  for (const peer of peers) peer.close();
  listener?.close();
  daemon.close();
  await rig.close();
});

/** The peer's own connection, on which it says all that it has to. */
function dial(lastOctet: number): RawPeer {
  const peer = RawPeer.dial(theirs, ours);
  peers.push(peer);
  peer.send(rawOpen({ routerId: 0x0a090000 + lastOctet }), encodeKeepalive());
  return peer;
}

const apply = (): Promise<unknown> =>
  daemon.apply(
    bgpV1.BgpConfig.fromPartial({
      routerId: ours.address,
      localAs: 64512,
      neighbors: [{ name: 'peer', address: theirs.address, remoteAs: 64512 }],
    }),
  );

/** Waits until the peer's kernel has completed our connection. */
const completed = (): Promise<unknown> =>
  until(
    'our connection',
    () => ours.ss('state', 'established', 'dst', theirs.address, 'dport', '=', '179'),
    (lines) => lines.some((line) => line !== ''),
  );

const { open: OPEN, keepalive: KEEPALIVE, notification: NOTIFICATION } = messageType;

describe('connections that cross each other', () => {
  it.each([
    ['the peer has the higher identifier: its own stays', 200],
    ['we have the higher identifier: ours stays', 0],
  ])('wait until the peer has taken ours, which its kernel had completed: %s', async (_name, identifier) => {
    listener = new RawListener(theirs);
    await apply();
    await completed();
    const own = dial(identifier);
    await own.receives(OPEN);
    // The peer's daemon gets to its listening socket only now, and must not find a session up beside it.
    const taken = await listener.accept();
    peers.push(taken);
    expect(own.types).toEqual([OPEN]);
    taken.send(rawOpen({ routerId: 0x0a090000 + identifier }), encodeKeepalive());
    const [stays, goes] = identifier === 200 ? [own, taken] : [taken, own];
    await stays.receives(KEEPALIVE);
    await goes.receives(NOTIFICATION);
    const [peer] = await daemon.established();
    expect(peer).toMatchObject({ state: bgpV1.SessionState.ESTABLISHED, lastError: '' });
  });

  it('do not wait for ever for a peer that never takes ours', async () => {
    listener = new RawListener(theirs);
    await apply();
    await completed();
    dial(200);
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
    dial(200);
    await daemon.established();
  });
});
