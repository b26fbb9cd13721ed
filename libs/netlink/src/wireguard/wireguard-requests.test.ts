import { cidrOf, ipFromBigInt, parseCidr, parseIp, wireguardKeyFromBytes, type WireguardKey } from '@calico-node/net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readAttributes } from '../attributes.ts';
import { GENERIC_HEADER_BYTES } from '../generic/generic-message.ts';
import { command, deviceAttribute, peerAttribute } from './numbers.ts';
import { decodeDevicePart, joinDeviceParts } from './wireguard-device.ts';
import { setDeviceRequests, type WireguardPeerChange } from './wireguard-requests.ts';

const keyOf = (number: number): WireguardKey => {
  const bytes = new Uint8Array(32).fill(7);
  new DataView(bytes.buffer).setUint32(0, number);
  return wireguardKeyFromBytes(bytes);
};
const networksOf = (count: number, start = 0) =>
  Array.from({ length: count }, (_, index) => cidrOf(ipFromBigInt(BigInt(0x0a000000 + (start + index) * 64), 4), 26));

/** What the kernel would hold after the change of a device without peers. */
const echo = (peers: readonly WireguardPeerChange[]) =>
  joinDeviceParts(setDeviceRequests(30, 5, { peers }).map(({ body }) => decodeDevicePart({ body })));

test('changes of peers read back as they were written, however many and large they are', () => {
  const peer = fc.record({
    networks: fc.nat({ max: 1200 }),
    keepaliveSeconds: fc.nat({ max: 65535 }),
    port: fc.integer({ min: 1, max: 65535 }),
    ip: fc.constantFrom(parseIp('172.16.0.1'), parseIp('fd00::1')),
  });
  fc.assert(
    fc.property(fc.array(peer, { maxLength: 8 }), (records) => {
      const changes = records.map(({ networks, keepaliveSeconds, port, ip }, index) => ({
        publicKey: keyOf(index),
        endpoint: { ip, port },
        keepaliveSeconds,
        allowedIps: [...networksOf(networks, index * 2000), parseCidr(`fd00:${index}::/64`)],
      }));
      expect(echo(changes)?.peers ?? []).toMatchObject(changes);
      for (const { body } of setDeviceRequests(30, 5, { peers: changes })) expect(body.length).toBeLessThan(0xffff);
    }),
    { numRuns: 30 },
  );
});

test('only the first entry of a peer takes away what it had', () => {
  const requests = setDeviceRequests(30, 5, { peers: [{ publicKey: keyOf(1), allowedIps: networksOf(1100) }] });
  const flags = requests.flatMap(({ body }) =>
    readAttributes(body, GENERIC_HEADER_BYTES)
      .list(deviceAttribute.peers)
      .map((entry) => entry.u32(peerAttribute.flags)),
  );
  expect(flags).toEqual([2, undefined, undefined]);
});

test('many peers are several requests, the device’s own settings in the first of them', () => {
  const peers = Array.from({ length: 250 }, (_, index) => ({ publicKey: keyOf(index), remove: true as const }));
  const requests = setDeviceRequests(30, 5, { listenPort: 51820, mark: 0x200000, peers });
  expect(requests.map(({ body }) => body[0])).toEqual([1, 1, 1].map(() => command.setDevice));
  const parts = requests.map(({ body }) => decodeDevicePart({ body }));
  expect(parts.map(({ peers: { length } }) => length)).toEqual([100, 100, 50]);
  expect(parts[0]).toMatchObject({ interfaceIndex: 5, listenPort: 51820, mark: 0x200000, publicKey: undefined });
  expect(parts[1]).toMatchObject({ interfaceIndex: 5, listenPort: 0, mark: 0 });
});

test('a change of nothing is no request', () => {
  expect(setDeviceRequests(30, 5, {})).toEqual([]);
  expect(setDeviceRequests(30, 5, { mark: 1 })).toHaveLength(1);
  expect(echo([])).toBeUndefined();
});
