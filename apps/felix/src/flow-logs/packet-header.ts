import { ipFromBytes, type Family, type IpAddress } from '@calico-node/net';
import type { PolicyPacket } from '@calico-node/policy';
import { protocols } from '../rules/matches.ts';

/** A packet as its headers tell. */
export interface LoggedHeader extends PolicyPacket {
  /** Of the whole packet, from its IP header on. */
  readonly bytes: number;
}

const withPorts: readonly number[] = [protocols.tcp, protocols.udp, protocols.sctp, 136];
/** Hop-by-hop options, routing header and destination options, whose length is in units of eight bytes (RFC 8200 4). */
const ipv6Options: readonly number[] = [0, 43, 60];
const IPV6_FRAGMENT = 44;

interface NetworkHeader {
  readonly family: Family;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly protocol: number;
  readonly bytes: number;
  /** Where the transport header begins; undefined in a fragment that has none. */
  readonly transportAt: number | undefined;
}

/** Reads a packet's first bytes; `undefined` where they are too few or of another protocol than IP. */
export function readHeader(bytes: Uint8Array): LoggedHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < 20) return undefined;
  const version = view.getUint8(0) >> 4;
  const network = version === 4 ? readIpv4(bytes, view) : version === 6 ? readIpv6(bytes, view) : undefined;
  if (network === undefined) return undefined;
  const { transportAt, ...header } = network;
  if (transportAt === undefined) return header;
  if (withPorts.includes(header.protocol) && bytes.byteLength >= transportAt + 4) {
    const [sourcePort, destinationPort] = [view.getUint16(transportAt), view.getUint16(transportAt + 2)];
    return { ...header, sourcePort, destinationPort };
  }
  const isIcmp = header.protocol === (header.family === 4 ? protocols.icmp : protocols.icmpv6);
  if (!isIcmp || bytes.byteLength < transportAt + 2) return header;
  return { ...header, icmpType: view.getUint8(transportAt), icmpCode: view.getUint8(transportAt + 1) };
}

/** RFC 791 3.1. */
function readIpv4(bytes: Uint8Array, view: DataView): NetworkHeader {
  const fragmentOffset = view.getUint16(6) & 0x1fff;
  return {
    family: 4,
    source: ipFromBytes(bytes.subarray(12, 16)),
    destination: ipFromBytes(bytes.subarray(16, 20)),
    protocol: view.getUint8(9),
    bytes: view.getUint16(2),
    transportAt: fragmentOffset === 0 ? (view.getUint8(0) & 0x0f) * 4 : undefined,
  };
}

/** RFC 8200 3 and 4. */
function readIpv6(bytes: Uint8Array, view: DataView): NetworkHeader | undefined {
  if (bytes.byteLength < 40) return undefined;
  let protocol = view.getUint8(6);
  let at: number | undefined = 40;
  while (at !== undefined && at + 8 <= bytes.byteLength && [...ipv6Options, IPV6_FRAGMENT].includes(protocol)) {
    const isFragment: boolean = protocol === IPV6_FRAGMENT;
    const isLater: boolean = isFragment && (view.getUint16(at + 2) & 0xfff8) !== 0;
    protocol = view.getUint8(at);
    at = isLater ? undefined : at + (isFragment ? 8 : (view.getUint8(at + 1) + 1) * 8);
  }
  return {
    family: 6,
    source: ipFromBytes(bytes.subarray(8, 24)),
    destination: ipFromBytes(bytes.subarray(24, 40)),
    protocol,
    bytes: 40 + view.getUint16(4),
    transportAt: at,
  };
}
