import { ipToBytes } from '@calico-node/net';
import { writeAsPath, type AsPath } from './as-path.ts';
import { ByteWriter } from './bytes.ts';
import { asTrans } from './open.ts';
import { attributeCode, attributeFlag, origins, type PathAttributes } from './path-attributes.ts';

const { optional, transitive, partial, extendedLength } = attributeFlag;

function attribute(writer: ByteWriter, flags: number, code: number, value: (writer: ByteWriter) => void): void {
  const head = writer.length;
  writer
    .u8(flags | extendedLength)
    .u8(code)
    .u16(0);
  value(writer);
  writer.patchU16(head + 2, writer.length - head - 4);
}

function short(writer: ByteWriter, flags: number, code: number, length: number): ByteWriter {
  return writer.u8(flags).u8(code).u8(length);
}

function needsAs4(path: AsPath): boolean {
  return path.some(({ asns }) => asns.some((asn) => asn > 0xffff));
}

/**
 * The attribute list of an UPDATE in the order of the type codes (RFC 4271 5), without MP_REACH_NLRI.
 * The next hop is written as NEXT_HOP if `withNextHop`; an IPv6 one goes into MP_REACH_NLRI instead.
 *
 * @param as4 whether the receiver takes four-octet AS numbers; else AS4_PATH is added where needed (RFC 6793 4.2.2).
 */
export function encodeAttributes(
  attributes: PathAttributes,
  { as4, withNextHop }: { readonly as4: boolean; readonly withNextHop: boolean },
): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(128);
  short(writer, transitive, attributeCode.origin, 1).u8(origins.indexOf(attributes.origin));
  attribute(writer, transitive, attributeCode.asPath, (w) => {
    writeAsPath(w, attributes.asPath, as4 ? 4 : 2);
  });
  if (withNextHop && attributes.nextHop !== undefined) {
    short(writer, transitive, attributeCode.nextHop, 4).bytes(ipToBytes(attributes.nextHop));
  }
  if (attributes.med !== undefined) short(writer, optional, attributeCode.med, 4).u32(attributes.med);
  if (attributes.localPref !== undefined) {
    short(writer, transitive, attributeCode.localPref, 4).u32(attributes.localPref);
  }
  if (attributes.atomicAggregate === true) short(writer, transitive, attributeCode.atomicAggregate, 0);
  const { aggregator } = attributes;
  if (aggregator !== undefined) {
    short(writer, optional | transitive, attributeCode.aggregator, as4 ? 8 : 6);
    if (as4) writer.u32(aggregator.asn);
    else writer.u16(aggregator.asn > 0xffff ? asTrans : aggregator.asn);
    writer.u32(aggregator.address);
  }
  writeLists(writer, attributes);
  if (attributes.onlyToCustomer !== undefined) {
    short(writer, optional | transitive, attributeCode.onlyToCustomer, 4).u32(attributes.onlyToCustomer);
  }
  if (!as4 && needsAs4(attributes.asPath)) {
    attribute(writer, optional | transitive, attributeCode.as4Path, (w) => {
      writeAsPath(w, attributes.asPath, 4);
    });
  }
  if (!as4 && aggregator !== undefined && aggregator.asn > 0xffff) {
    short(writer, optional | transitive, attributeCode.as4Aggregator, 8)
      .u32(aggregator.asn)
      .u32(aggregator.address);
  }
  for (const { code, flags, value } of attributes.unknown ?? []) {
    // RFC 4271 5: who passes on what he does not know sets the Partial bit.
    attribute(writer, flags | partial, code, (w) => w.bytes(value));
  }
  return writer.finish();
}

function writeLists(writer: ByteWriter, attributes: PathAttributes): void {
  const { communities, originatorId, clusterList, extendedCommunities, largeCommunities } = attributes;
  if (communities !== undefined && communities.length > 0) {
    attribute(writer, optional | transitive, attributeCode.communities, (w) => {
      for (const community of communities) w.u32(community);
    });
  }
  if (originatorId !== undefined) short(writer, optional, attributeCode.originatorId, 4).u32(originatorId);
  if (clusterList !== undefined && clusterList.length > 0) {
    attribute(writer, optional, attributeCode.clusterList, (w) => {
      for (const cluster of clusterList) w.u32(cluster);
    });
  }
  if (extendedCommunities !== undefined && extendedCommunities.length > 0) {
    attribute(writer, optional | transitive, attributeCode.extendedCommunities, (w) => {
      for (const community of extendedCommunities) w.u32(Number(community >> 32n)).u32(Number(community & 0xffffffffn));
    });
  }
  if (largeCommunities !== undefined && largeCommunities.length > 0) {
    attribute(writer, optional | transitive, attributeCode.largeCommunities, (w) => {
      for (const community of largeCommunities) for (const part of community) w.u32(part);
    });
  }
}
