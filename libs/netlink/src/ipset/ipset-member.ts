import { cidrOf, ipFromBytes, ipToBytes, splitCidr, type Cidr, type Family, type IpAddress } from '@calico-node/net';
import type { Attributes } from '../attributes.ts';
import type { AttributeWriter } from '../attribute-writer.ts';
import { addressAttribute, commandAttribute, dataAttribute, NETWORK_ORDER } from './numbers.ts';

/** A member of a `hash:net` set (a network; never one of prefix length 0) or of a `hash:ip,port` set. */
export type IpsetMember =
  | { readonly kind: 'net'; readonly cidr: Cidr }
  | { readonly kind: 'ip-port'; readonly ip: IpAddress; readonly protocol: number; readonly port: number };

/** Below what fits a 16-bit attribute length, with room for the list's own header. */
const LIST_MAX_BYTES = 60_000;
/** More than a member takes: an IPv6 address, prefix length, port and protocol, each with its header. */
const MEMBER_MAX_BYTES = 64;

/** Writes as many members from `start` as fit one message. Returns the index of the first that did not. */
export function writeMembers(
  writer: AttributeWriter,
  family: Family,
  members: readonly IpsetMember[],
  start: number,
): number {
  let index = start;
  const begin = writer.length;
  writer.nested(commandAttribute.members, () => {
    for (; index < members.length && writer.length - begin < LIST_MAX_BYTES - MEMBER_MAX_BYTES; index++) {
      const member = members[index];
      if (member !== undefined) {
        writer.nested(commandAttribute.data, () => {
          writeMember(writer, family, member);
        });
      }
    }
  });
  return index;
}

function writeMember(writer: AttributeWriter, family: Family, member: IpsetMember): void {
  const address = (ip: IpAddress): void => {
    writer.nested(dataAttribute.ip, () => writer.bytes(addressAttribute[family] | NETWORK_ORDER, ipToBytes(ip)));
  };
  if (member.kind === 'net') {
    const { ip, prefixLength } = splitCidr(member.cidr);
    address(ip);
    writer.u8(dataAttribute.cidr, prefixLength);
  } else {
    address(member.ip);
    writer.u8(dataAttribute.protocol, member.protocol).be16(dataAttribute.port | NETWORK_ORDER, member.port);
  }
}

/** Reads one member of a list; `undefined` for one of another sort. */
export function readMember(attributes: Attributes): IpsetMember | undefined {
  const address = attributes.nested(dataAttribute.ip);
  const bytes = address?.bytes(addressAttribute[4]) ?? address?.bytes(addressAttribute[6]);
  if (bytes === undefined) return undefined;
  const ip = ipFromBytes(bytes);
  const port = attributes.be16(dataAttribute.port);
  const protocol = attributes.u8(dataAttribute.protocol);
  if (port !== undefined && protocol !== undefined) return { kind: 'ip-port', ip, protocol, port };
  return { kind: 'net', cidr: cidrOf(ip, attributes.u8(dataAttribute.cidr) ?? bytes.length * 8) };
}
