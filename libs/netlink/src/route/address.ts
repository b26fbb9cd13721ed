import { ipFromBytes, ipToBytes, familyOf, type Family, type IpAddress } from '@calico-node/net';
import { AttributeWriter, viewOf } from '../attribute-writer.ts';
import { readAttributes } from '../attributes.ts';
import { messageFlag, type NetlinkMessage, type NetlinkRequest } from '../message.ts';
import { addressFamily, AF_UNSPEC, familyOfNumber, nameOf, rtm } from './kernel-numbers.ts';
import { scopeNumber, type RouteScope } from './route.ts';

/** IFA_* (include/uapi/linux/if_addr.h). */
const addressAttribute = { address: 1, local: 2, label: 3, broadcast: 4, flags: 8 } as const;
const addressFlag = { secondary: 0x1, skipDad: 0x2, tentative: 0x40, noPrefixRoute: 0x200 } as const;
const ADDRESS_HEADER_BYTES = 8;

/** An address of an interface. */
export interface InterfaceIp {
  readonly family: Family;
  readonly interfaceIndex: number;
  readonly ip: IpAddress;
  readonly prefixLength: number;
  /** The other end's address on a point-to-point interface. */
  readonly peer: IpAddress | undefined;
  readonly scope: RouteScope;
  readonly label: string | undefined;
  /** Duplicate address detection is still running: not usable yet. */
  readonly isTentative: boolean;
  readonly isSecondary: boolean;
}

export interface InterfaceIpSpec {
  readonly interfaceIndex: number;
  readonly ip: IpAddress;
  readonly prefixLength: number;
  /** Universe when absent. */
  readonly scope?: RouteScope;
  readonly broadcast?: IpAddress;
  /** IPv6: usable at once, without duplicate address detection. */
  readonly skipsDad?: boolean;
  /** No connected route for the prefix. */
  readonly hasNoPrefixRoute?: boolean;
}

function addressHeader(family: number, prefixLength: number, scope: number, interfaceIndex: number): Uint8Array {
  const header = new Uint8Array(ADDRESS_HEADER_BYTES);
  const view = new DataView(header.buffer);
  header.set([family, prefixLength, 0, scope]);
  view.setUint32(4, interfaceIndex, true);
  return header;
}

function encode(spec: InterfaceIpSpec): AttributeWriter {
  const bytes = ipToBytes(spec.ip);
  return new AttributeWriter(
    addressHeader(
      addressFamily(familyOf(spec.ip)),
      spec.prefixLength,
      scopeNumber[spec.scope ?? 'universe'],
      spec.interfaceIndex,
    ),
  )
    .bytes(addressAttribute.local, bytes)
    .bytes(addressAttribute.address, bytes);
}

/** Fails with EEXIST when the interface has it already. */
export function addAddress(spec: InterfaceIpSpec): NetlinkRequest {
  const writer = encode(spec);
  if (spec.broadcast !== undefined) writer.bytes(addressAttribute.broadcast, ipToBytes(spec.broadcast));
  const flags =
    (spec.skipsDad === true ? addressFlag.skipDad : 0) |
    (spec.hasNoPrefixRoute === true ? addressFlag.noPrefixRoute : 0);
  if (flags !== 0) writer.u32(addressAttribute.flags, flags);
  return {
    type: rtm.newAddress,
    flags: messageFlag.create | messageFlag.exclusive,
    body: writer.finish(),
    label: `add address ${spec.ip}/${spec.prefixLength} to link ${spec.interfaceIndex}`,
  };
}

/** Fails with EADDRNOTAVAIL when the interface does not have it. */
export function deleteAddress(spec: InterfaceIpSpec): NetlinkRequest {
  return {
    type: rtm.deleteAddress,
    flags: 0,
    body: encode(spec).finish(),
    label: `delete address ${spec.ip}/${spec.prefixLength} from link ${spec.interfaceIndex}`,
  };
}

/** The kernel itself leaves out other interfaces' addresses when an index is given (NETLINK_GET_STRICT_CHK). */
export function listAddressesRequest(family: Family | undefined, interfaceIndex = 0): NetlinkRequest {
  const body = addressHeader(family === undefined ? AF_UNSPEC : addressFamily(family), 0, 0, interfaceIndex);
  return { type: rtm.getAddress, flags: 0, body, label: 'list addresses' };
}

/** Reads an RTM_NEWADDR or RTM_DELADDR message; `undefined` for others. */
export function decodeAddress(message: NetlinkMessage): InterfaceIp | undefined {
  if (message.type !== rtm.newAddress && message.type !== rtm.deleteAddress) return undefined;
  const { body } = message;
  if (body.length < ADDRESS_HEADER_BYTES) return undefined;
  const view = viewOf(body);
  const family = familyOfNumber(view.getUint8(0));
  const attributes = readAttributes(body, ADDRESS_HEADER_BYTES);
  const address = attributes.bytes(addressAttribute.address);
  const own = attributes.bytes(addressAttribute.local) ?? address;
  if (family === undefined || own === undefined) return undefined;
  const ip = ipFromBytes(own);
  const peer = address === undefined ? ip : ipFromBytes(address);
  const flags = attributes.u32(addressAttribute.flags) ?? view.getUint8(2);
  return {
    family,
    interfaceIndex: view.getUint32(4, true),
    ip,
    prefixLength: view.getUint8(1),
    peer: peer === ip ? undefined : peer,
    scope: nameOf(scopeNumber, view.getUint8(3)) ?? 'site',
    label: attributes.string(addressAttribute.label),
    isTentative: (flags & addressFlag.tentative) !== 0,
    isSecondary: (flags & addressFlag.secondary) !== 0,
  };
}
