import { parseCidr, parseIp, parseNodeName, wireguardKeyFromBytes, type WireguardKey } from '@calico-node/net';
import type { WireguardPeer } from '@calico-node/netlink/wireguard';
import { expect, test } from 'vitest';
import { peerChanges } from './peer-changes.ts';
import type { WantedPeer } from './wireguard-plan.ts';

const [one, two] = [1, 2].map((fill) => wireguardKeyFromBytes(new Uint8Array(32).fill(fill))) as [
  WireguardKey,
  WireguardKey,
];
const settings = { port: 51820, keepaliveSeconds: 0 };
const wanted: WantedPeer = {
  host: parseNodeName('node2'),
  ip: parseIp('172.16.0.2'),
  allowedIps: new Set([parseCidr('10.0.0.0/26')]),
};
const actual: WireguardPeer = {
  publicKey: one,
  endpoint: { ip: wanted.ip, port: 51820 },
  keepaliveSeconds: 0,
  allowedIps: [parseCidr('10.0.0.0/26')],
  lastHandshakeSeconds: 0,
  receivedBytes: 0n,
  sentBytes: 0n,
};
const changes = (peer: WantedPeer | undefined, found: WireguardPeer | undefined, given = settings) =>
  peerChanges([one], () => peer, new Map(found === undefined ? [] : [[one, found]]), given);

test('changes nothing of a peer that is right', () => {
  expect(changes(wanted, actual)).toEqual([]);
  expect(changes(undefined, undefined)).toEqual([]);
});

test('changes only what is wrong', () => {
  expect(changes(wanted, { ...actual, endpoint: undefined })).toEqual([
    { publicKey: one, endpoint: { ip: '172.16.0.2', port: 51820 } },
  ]);
  expect(changes(wanted, actual, { ...settings, keepaliveSeconds: 25 })).toEqual([
    { publicKey: one, keepaliveSeconds: 25 },
  ]);
  expect(changes(wanted, { ...actual, allowedIps: [] })).toEqual([{ publicKey: one, allowedIps: ['10.0.0.0/26'] }]);
});

test('makes peers that are missing, and takes others away first', () => {
  const both = new Map([[two, wanted]]);
  expect(peerChanges([two, one, two], (key) => both.get(key), new Map([[one, actual]]), settings)).toEqual([
    { publicKey: one, remove: true },
    {
      publicKey: two,
      endpoint: { ip: '172.16.0.2', port: 51820 },
      keepaliveSeconds: 0,
      allowedIps: ['10.0.0.0/26'],
    },
  ]);
});
