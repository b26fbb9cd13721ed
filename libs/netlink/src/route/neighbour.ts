import {
  ipFromBytes,
  ipToBytes,
  familyOf,
  macFromBytes,
  macToBytes,
  type Family,
  type IpAddress,
  type Mac,
} from '@calico-node/net';
import { AttributeWriter, viewOf } from '../attribute-writer.ts';
import { readAttributes } from '../attributes.ts';
import { messageFlag, type NetlinkMessage, type NetlinkRequest } from '../message.ts';
import { addressFamily, AF_BRIDGE, AF_UNSPEC, familyOfNumber, nameOf, rtm } from './kernel-numbers.ts';

/** NDA_* (include/uapi/linux/neighbour.h). */
const neighbourAttribute = { destination: 1, linkAddress: 2, interfaceIndex: 8, protocol: 12 } as const;
const neighbourFlag = { self: 0x2, proxy: 0x8 } as const;
const NEIGHBOUR_HEADER_BYTES = 12;

/** NUD_*. */
const stateNumber = {
  none: 0x00,
  incomplete: 0x01,
  reachable: 0x02,
  stale: 0x04,
  delay: 0x08,
  probe: 0x10,
  failed: 0x20,
  noarp: 0x40,
  permanent: 0x80,
} as const;
export type NeighbourState = keyof typeof stateNumber;

/** An entry of the ARP or neighbour discovery table. */
export interface Neighbour {
  readonly family: Family;
  readonly ip: IpAddress;
  readonly interfaceIndex: number;
  /** `undefined` while it is not resolved, and for proxy entries. */
  readonly mac: Mac | undefined;
  readonly state: NeighbourState;
  /** We answer for this address on the interface. */
  readonly isProxy: boolean;
  /** Who made it, as of routes (RTPROT_*); `undefined` where nobody said. */
  readonly protocol: number | undefined;
}

/** An entry of a bridge's or VXLAN device's forwarding database. */
export interface FdbEntry {
  readonly interfaceIndex: number;
  readonly mac: Mac;
  /** VXLAN: the remote tunnel endpoint. */
  readonly destination: IpAddress | undefined;
  readonly state: NeighbourState;
}

export interface NeighbourSpec {
  readonly interfaceIndex: number;
  readonly ip: IpAddress;
  /** Absent for a proxy entry. */
  readonly mac?: Mac;
  /** Permanent when absent. */
  readonly state?: NeighbourState;
  readonly isProxy?: boolean;
  readonly protocol?: number;
}

export interface FdbSpec {
  /** The VXLAN device. */
  readonly interfaceIndex: number;
  readonly mac: Mac;
  readonly destination: IpAddress;
}

function neighbourHeader(family: number, interfaceIndex: number, state = 0, flags = 0): Uint8Array {
  const header = new Uint8Array(NEIGHBOUR_HEADER_BYTES);
  const view = new DataView(header.buffer);
  view.setUint8(0, family);
  view.setInt32(4, interfaceIndex, true);
  view.setUint16(8, state, true);
  view.setUint8(10, flags);
  return header;
}

function encodeNeighbour(spec: NeighbourSpec): AttributeWriter {
  const flags = spec.isProxy === true ? neighbourFlag.proxy : 0;
  const state = stateNumber[spec.state ?? 'permanent'];
  const header = neighbourHeader(addressFamily(familyOf(spec.ip)), spec.interfaceIndex, state, flags);
  const writer = new AttributeWriter(header).bytes(neighbourAttribute.destination, ipToBytes(spec.ip));
  if (spec.mac !== undefined) writer.bytes(neighbourAttribute.linkAddress, macToBytes(spec.mac));
  return spec.protocol === undefined ? writer : writer.u8(neighbourAttribute.protocol, spec.protocol);
}

/** Sets the entry for this address, whether or not there is one. */
export function replaceNeighbour(spec: NeighbourSpec): NetlinkRequest {
  return {
    type: rtm.newNeighbour,
    flags: messageFlag.create | messageFlag.replace,
    body: encodeNeighbour(spec).finish(),
    label: `replace neighbour ${spec.ip} on link ${spec.interfaceIndex}`,
  };
}

/** Fails with ENOENT when there is no such entry. */
export function deleteNeighbour(spec: Pick<NeighbourSpec, 'interfaceIndex' | 'ip' | 'isProxy'>): NetlinkRequest {
  return {
    type: rtm.deleteNeighbour,
    flags: 0,
    body: encodeNeighbour(spec).finish(),
    label: `delete neighbour ${spec.ip} on link ${spec.interfaceIndex}`,
  };
}

function encodeFdb(spec: FdbSpec): Uint8Array {
  return new AttributeWriter(neighbourHeader(AF_BRIDGE, spec.interfaceIndex, stateNumber.permanent, neighbourFlag.self))
    .bytes(neighbourAttribute.linkAddress, macToBytes(spec.mac))
    .bytes(neighbourAttribute.destination, ipToBytes(spec.destination))
    .finish();
}

/** Sends a VXLAN device's frames for `mac` to `destination`, whether or not they went elsewhere before. */
export function replaceFdbEntry(spec: FdbSpec): NetlinkRequest {
  return {
    type: rtm.newNeighbour,
    flags: messageFlag.create | messageFlag.replace,
    body: encodeFdb(spec),
    label: `replace forwarding entry ${spec.mac} on link ${spec.interfaceIndex}`,
  };
}

/** Fails with ENOENT when there is no such entry. */
export function deleteFdbEntry(spec: FdbSpec): NetlinkRequest {
  return {
    type: rtm.deleteNeighbour,
    flags: 0,
    body: encodeFdb(spec),
    label: `delete forwarding entry ${spec.mac} on link ${spec.interfaceIndex}`,
  };
}

/** The kernel itself leaves out other interfaces' entries when an index is given (NETLINK_GET_STRICT_CHK). */
export function listNeighboursRequest(
  family: Family | undefined,
  isProxy: boolean,
  interfaceIndex?: number,
): NetlinkRequest {
  const number = family === undefined ? AF_UNSPEC : addressFamily(family);
  const body = new AttributeWriter(neighbourHeader(number, 0, 0, isProxy ? neighbourFlag.proxy : 0));
  if (interfaceIndex !== undefined) body.u32(neighbourAttribute.interfaceIndex, interfaceIndex);
  return { type: rtm.getNeighbour, flags: 0, body: body.finish(), label: 'list neighbours' };
}

export function listFdbRequest(): NetlinkRequest {
  return { type: rtm.getNeighbour, flags: 0, body: neighbourHeader(AF_BRIDGE, 0), label: 'list forwarding entries' };
}

function isNeighbourMessage({ type, body }: NetlinkMessage): boolean {
  return (type === rtm.newNeighbour || type === rtm.deleteNeighbour) && body.length >= NEIGHBOUR_HEADER_BYTES;
}

/** Reads an RTM_NEWNEIGH or RTM_DELNEIGH message on an IP neighbour; `undefined` for others. */
export function decodeNeighbour(message: NetlinkMessage): Neighbour | undefined {
  if (!isNeighbourMessage(message)) return undefined;
  const view = viewOf(message.body);
  const family = familyOfNumber(view.getUint8(0));
  const attributes = readAttributes(message.body, NEIGHBOUR_HEADER_BYTES);
  const ip = attributes.bytes(neighbourAttribute.destination);
  if (family === undefined || ip === undefined) return undefined;
  const mac = attributes.bytes(neighbourAttribute.linkAddress);
  return {
    family,
    ip: ipFromBytes(ip),
    interfaceIndex: view.getInt32(4, true),
    mac: mac?.length === 6 ? macFromBytes(mac) : undefined,
    state: nameOf(stateNumber, view.getUint16(8, true)) ?? 'none',
    isProxy: (view.getUint8(10) & neighbourFlag.proxy) !== 0,
    protocol: attributes.bytes(neighbourAttribute.protocol)?.[0],
  };
}

/** Reads an RTM_NEWNEIGH or RTM_DELNEIGH message on a forwarding entry; `undefined` for others. */
export function decodeFdbEntry(message: NetlinkMessage): FdbEntry | undefined {
  if (!isNeighbourMessage(message) || message.body[0] !== AF_BRIDGE) return undefined;
  const view = viewOf(message.body);
  const attributes = readAttributes(message.body, NEIGHBOUR_HEADER_BYTES);
  const mac = attributes.bytes(neighbourAttribute.linkAddress);
  if (mac?.length !== 6) return undefined;
  const destination = attributes.bytes(neighbourAttribute.destination);
  return {
    interfaceIndex: view.getInt32(4, true),
    mac: macFromBytes(mac),
    destination: destination === undefined ? undefined : ipFromBytes(destination),
    state: nameOf(stateNumber, view.getUint16(8, true)) ?? 'none',
  };
}
