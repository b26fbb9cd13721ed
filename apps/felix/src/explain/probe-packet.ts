/**
 * A connection's first packet as bytes, to be put through the kernel: made so that connection tracking takes it for a
 * new connection, and so that rules can tell it from every other packet, whatever translates its addresses and ports.
 */
import { protocolHasPorts } from '@calico-node/model';
import { ipFromBytes, ipToBytes, type IpAddress } from '@calico-node/net';
import type { PolicyPacket } from '@calico-node/policy';

/** What a probe is known by. */
export interface ProbeMark {
  /** 16 bits: the identification of IPv4, the lower end of IPv6's flow label. */
  readonly id: number;
  /** 32 bits, in the transport header or behind it. */
  readonly cookie: number;
}

/** Where the transport header has the cookie. */
export function cookieOffset(protocol: number): number {
  switch (protocol) {
    case protocols.tcp:
      return 4;
    case protocols.sctp:
      return 16;
    case protocols.icmp:
    case protocols.icmpv6:
    case protocols.udp:
      return 8;
    default:
      return 4;
  }
}

/** A packet's ends, as the kernel tells of them on its way. */
export interface SeenEnds {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** Of protocols with ports. */
  readonly sourcePort?: number;
  readonly destinationPort?: number;
}

/** Reads the ends of a probe of the same protocol back, whatever has been translated; `undefined` of too few bytes. */
export function decodeEnds(
  { family, protocol }: PolicyPacket,
  network: Uint8Array,
  transport: Uint8Array,
): SeenEnds | undefined {
  const [at, length] = family === 4 ? [12, 4] : [8, 16];
  if (network.length < at + 2 * length) return undefined;
  const ends = {
    source: ipFromBytes(network.slice(at, at + length)),
    destination: ipFromBytes(network.slice(at + length, at + 2 * length)),
  };
  if (!protocolHasPorts(protocol) || transport.length < 4) return ends;
  const view = new DataView(transport.buffer, transport.byteOffset, transport.byteLength);
  return { ...ends, sourcePort: view.getUint16(0), destinationPort: view.getUint16(2) };
}

const protocols = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132 } as const;
const HOP_LIMIT = 64;

/** From the IP header on. */
export function encodeProbe(packet: PolicyPacket, mark: ProbeMark): Uint8Array {
  const payload = encodePayload(packet, mark.cookie);
  const header = packet.family === 4 ? ipv4Header(packet, payload.length, mark) : ipv6Header(packet, payload, mark);
  return Uint8Array.from([...header, ...payload]);
}

const word = (value: number): readonly number[] => [(value >> 8) & 0xff, value & 0xff];
const long = (value: number): readonly number[] => [...word(value >>> 16), ...word(value)];
const zeros = (count: number): readonly number[] => Array<number>(count).fill(0);

/** RFC 791 3.1; fragmentation is refused. */
function ipv4Header({ source, destination, protocol }: PolicyPacket, length: number, { id }: ProbeMark): Uint8Array {
  const header = Uint8Array.from([
    ...[0x45, 0, ...word(20 + length), ...word(id), 0x40, 0, HOP_LIMIT, protocol, 0, 0],
    ...ipToBytes(source),
    ...ipToBytes(destination),
  ]);
  header.set(word(internetChecksum(header)), 10);
  return header;
}

/** RFC 8200 3. */
function ipv6Header(
  { source, destination, protocol }: PolicyPacket,
  payload: Uint8Array,
  { id }: ProbeMark,
): Uint8Array {
  const fixed = [0x60, 0, ...word(id), ...word(payload.length), protocol, HOP_LIMIT];
  return Uint8Array.from([...fixed, ...ipToBytes(source), ...ipToBytes(destination)]);
}

function encodePayload(packet: PolicyPacket, cookie: number): Uint8Array {
  const { protocol, sourcePort = 0, destinationPort = 0, icmpType = 0, icmpCode = 0 } = packet;
  const ports = [...word(sourcePort), ...word(destinationPort)];
  switch (protocol) {
    case protocols.tcp: // SYN, RFC 9293 3.1
      return summed(packet, 16, [...ports, ...long(cookie), ...zeros(4), 0x50, 0x02, 0xff, 0xff, ...zeros(4)]);
    case protocols.udp:
      return summed(packet, 6, [...ports, ...word(12), 0, 0, ...long(cookie)]);
    case protocols.sctp: {
      // INIT, RFC 9260 3.3.2: the cookie is the initiate tag, which may not be 0.
      const chunk = [1, 0, ...word(20), ...long(cookie), ...long(65535), ...word(1), ...word(1), ...long(1)];
      const bytes = Uint8Array.from([...ports, ...zeros(8), ...chunk]);
      new DataView(bytes.buffer).setUint32(8, crc32c(bytes), true);
      return bytes;
    }
    case protocols.icmp: // RFC 792, without the pseudo-header
      return filledIn([icmpType, icmpCode, 0, 0, 0, 1, 0, 1, ...long(cookie)], 2, []);
    case protocols.icmpv6: // RFC 4443 2.3
      return summed(packet, 2, [icmpType, icmpCode, 0, 0, 0, 1, 0, 1, ...long(cookie)]);
    default: // a GRE header without options (RFC 2784 2.1), or anything
      return Uint8Array.from([0, 0, 0x08, 0, ...long(cookie)]);
  }
}

/** With the checksum over the pseudo-header of RFC 9293 3.1 or RFC 8200 8.1. */
function summed({ source, destination, protocol }: PolicyPacket, offset: number, bytes: readonly number[]): Uint8Array {
  const pseudoHeader = [...ipToBytes(source), ...ipToBytes(destination), ...long(bytes.length), ...long(protocol)];
  return filledIn(bytes, offset, pseudoHeader);
}

function filledIn(bytes: readonly number[], offset: number, pseudoHeader: readonly number[]): Uint8Array {
  const filled = Uint8Array.from(bytes);
  // UDP has no checksum that is 0 (RFC 768).
  filled.set(word(internetChecksum(Uint8Array.from([...pseudoHeader, ...bytes])) || 0xffff), offset);
  return filled;
}

/** RFC 1071, of an even number of bytes. */
function internetChecksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** RFC 9260 appendix A. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 0 ? 0 : 0x82f63b78);
  }
  return ~crc >>> 0;
}
