import { parseIp } from '@calico-node/net';
import type { PolicyPacket } from '@calico-node/policy';
import { expect, test } from 'vitest';
import { cookieOffset, encodeProbe } from './probe-packet.ts';

const mark = { id: 0x1234, cookie: 0xdeadbeef };
const ends = {
  4: { family: 4, source: parseIp('10.0.0.1'), destination: parseIp('10.0.0.9') },
  6: { family: 6, source: parseIp('fd00::1'), destination: parseIp('fd00::9') },
} as const;
const ports = { sourcePort: 12345, destinationPort: 80 };
const echo = { icmpType: 8, icmpCode: 0 };

/** RFC 1071: a sum that includes its own checksum is all ones. */
function sumOf(bytes: readonly number[]): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at]! << 8) | bytes[at + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

// The kernel holds the checksum of SCTP to be right: `test/verify-flow.test.ts`.
test.each<[string, PolicyPacket]>([
  ['TCP', { ...ends[4], protocol: 6, ...ports }],
  ['TCP, IPv6', { ...ends[6], protocol: 6, ...ports }],
  ['UDP', { ...ends[4], protocol: 17, ...ports }],
  ['UDP, IPv6', { ...ends[6], protocol: 17, ...ports }],
  ['SCTP', { ...ends[4], protocol: 132, ...ports }],
  ['ICMP', { ...ends[4], protocol: 1, ...echo }],
  ['ICMPv6', { ...ends[6], protocol: 58, icmpType: 128, icmpCode: 0 }],
  ['GRE', { ...ends[4], protocol: 47 }],
])('%s: the mark is where rules look for it, and lengths and checksums hold', (_, packet) => {
  const bytes = encodeProbe(packet, mark);
  const view = new DataView(bytes.buffer);
  const headerBytes = packet.family === 4 ? 20 : 40;
  expect(view.getUint16(packet.family === 4 ? 4 : 2)).toBe(mark.id);
  expect(view.getUint32(headerBytes + cookieOffset(packet.protocol))).toBe(mark.cookie);
  expect(packet.family === 4 ? view.getUint16(2) : view.getUint16(4) + 40).toBe(bytes.length);
  const payload = [...bytes.subarray(headerBytes)];
  if (packet.family === 4) expect(sumOf([...bytes.subarray(0, 20)])).toBe(0xffff);
  const addresses = [...bytes.subarray(packet.family === 4 ? 12 : 8, headerBytes)];
  if ([6, 17, 58].includes(packet.protocol)) {
    expect(sumOf([...addresses, 0, payload.length, 0, packet.protocol, ...payload])).toBe(0xffff);
  }
  if (packet.protocol === 1) expect(sumOf(payload)).toBe(0xffff);
});
