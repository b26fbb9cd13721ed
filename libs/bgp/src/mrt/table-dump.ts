/**
 * MRT records (RFC 6396) of a routing table: TABLE_DUMP_V2, one PEER_INDEX_TABLE and then one record for each
 * prefix; those of prefixes with paths that have identifiers are of the subtypes of RFC 8050.
 */
import { familyOf, ipToBytes, splitCidr, type Cidr, type IpAddress } from '@calico-node/net';
import type { ByteWriter } from '../wire/bytes.ts';
import { encodeAttributes } from '../wire/encode-attributes.ts';
import { attributeCode, attributeFlag, type PathAttributes } from '../wire/path-attributes.ts';
import { writeRecord } from './record.ts';

const tableDumpV2 = 13;
const peerIndexTable = 1;
const ribUnicast = { 4: 2, 6: 4 } as const;
/** RFC 8050 4 */
const ribUnicastAddPath = { 4: 8, 6: 10 } as const;
/** RFC 6396 4.3.1: the address is of IPv6, the AS number has four octets. */
const peerIsIpv6 = 1;
const peerIsAs4 = 2;

export interface MrtPeer {
  readonly routerId: number;
  readonly address: IpAddress;
  readonly asn: number;
}

export interface MrtEntry {
  /** Into the PEER_INDEX_TABLE. */
  readonly peer: number;
  readonly originatedSeconds: number;
  /** As the peer gave it (RFC 7911); 0: none. */
  readonly pathId: number;
  readonly attributes: PathAttributes;
}

/** RFC 6396 4.3.1: who the entries that follow are from; at most 65,535. */
export function encodePeerIndexTable(
  collectorId: number,
  viewName: string,
  peers: readonly MrtPeer[],
  unixSeconds: number,
): Uint8Array<ArrayBuffer> {
  return writeRecord(unixSeconds, tableDumpV2, peerIndexTable, (writer) => {
    const name = new TextEncoder().encode(viewName).subarray(0, 0xffff);
    writer.u32(collectorId).u16(name.length).bytes(name).u16(peers.length);
    for (const { routerId, address, asn } of peers) {
      writer
        .u8(peerIsAs4 | (familyOf(address) === 6 ? peerIsIpv6 : 0))
        .u32(routerId)
        .bytes(ipToBytes(address))
        .u32(asn);
    }
  });
}

/** RFC 6396 4.3.2: the paths to one prefix. The sequence number counts the records of one dump from zero. */
export function encodeRibRecord(
  sequence: number,
  prefix: Cidr,
  entries: readonly MrtEntry[],
  unixSeconds: number,
): Uint8Array<ArrayBuffer> {
  const { ip, prefixLength, family } = splitCidr(prefix);
  const hasIdentifiers = entries.some(({ pathId }) => pathId !== 0);
  const subtype = (hasIdentifiers ? ribUnicastAddPath : ribUnicast)[family];
  return writeRecord(unixSeconds, tableDumpV2, subtype, (writer) => {
    writer.u32(sequence).u8(prefixLength);
    writer.bytes(ipToBytes(ip).subarray(0, (prefixLength + 7) >> 3)).u16(entries.length);
    for (const { peer, originatedSeconds, pathId, attributes } of entries) {
      writer.u16(peer).u32(originatedSeconds);
      if (hasIdentifiers) writer.u32(pathId);
      const at = writer.length;
      writer.u16(0);
      writeAttributes(writer, attributes);
      writer.patchU16(at, writer.length - at - 2);
    }
  });
}

/** RFC 6396 4.3.4: AS numbers of four octets; of MP_REACH_NLRI the next hop only. */
function writeAttributes(writer: ByteWriter, attributes: PathAttributes): void {
  const { nextHop, linkLocalNextHop } = attributes;
  const withNextHop = nextHop !== undefined && familyOf(nextHop) === 4;
  writer.bytes(encodeAttributes(attributes, { as4: true, withNextHop }));
  if (nextHop === undefined || withNextHop) return;
  const nextHops = [nextHop, ...(linkLocalNextHop === undefined ? [] : [linkLocalNextHop])].map(ipToBytes);
  const length = nextHops.reduce((sum, bytes) => sum + bytes.length, 0);
  writer
    .u8(attributeFlag.optional)
    .u8(attributeCode.mpReach)
    .u8(length + 1)
    .u8(length);
  for (const bytes of nextHops) writer.bytes(bytes);
}
