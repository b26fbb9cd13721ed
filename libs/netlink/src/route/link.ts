import { ipFromBytes, macFromBytes, type IpAddress, type Mac } from '@calico-node/net';
import { viewOf } from '../attribute-writer.ts';
import { readAttributes, type Attributes } from '../attributes.ts';
import type { NetlinkMessage } from '../message.ts';
import { AF_BRIDGE, rtm } from './kernel-numbers.ts';

/** IFLA_* (include/uapi/linux/if_link.h). */
export const linkAttribute = {
  address: 1,
  name: 3,
  mtu: 4,
  link: 5,
  master: 10,
  info: 18,
  netnsPid: 19,
  alias: 20,
  afSpec: 26,
  netnsFd: 28,
  extMask: 29,
  transmitQueues: 31,
  receiveQueues: 32,
  linkNetnsId: 37,
} as const;
export const linkInfo = { kind: 1, data: 2 } as const;
export const vxlanInfo = { id: 1, link: 3, localIpv4: 4, learning: 7, port: 15, localIpv6: 17 } as const;
export const interfaceFlag = { up: 0x1, lowerUp: 0x10000 } as const;
export const LINK_HEADER_BYTES = 16;

/** What a VXLAN device was made with. */
export interface VxlanLink {
  readonly vni: number;
  readonly port: number;
  readonly local: IpAddress | undefined;
  /** The underlay device; `undefined` when routing chooses it. */
  readonly deviceIndex: number | undefined;
  readonly isLearning: boolean;
}

/** A network interface. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** `veth`, `bridge`, `vxlan` and so on; `undefined` for physical interfaces and the loopback. */
  readonly kind: string | undefined;
  readonly mtu: number;
  /** `undefined` where the link layer has no 6-byte addresses. */
  readonly mac: Mac | undefined;
  /** Administratively up. */
  readonly up: boolean;
  /** Up, with a carrier: IFF_LOWER_UP, since IFF_RUNNING follows only when the kernel gets round to it. */
  readonly running: boolean;
  /** The bridge or bond that it is a port of. */
  readonly masterIndex: number | undefined;
  /** A veth's other end, by its index in the other end's namespace. */
  readonly peerIndex: number | undefined;
  /** This namespace's id for the one that the veth's other end is in; `undefined` when both are in the same. */
  readonly peerNetnsId: number | undefined;
  readonly alias: string | undefined;
  readonly vxlan: VxlanLink | undefined;
}

/**
 * Reads an RTM_NEWLINK or RTM_DELLINK message; `undefined` for others, and for the bridge's own messages on its
 * ports (family AF_BRIDGE), where RTM_DELLINK means only that the port left the bridge.
 */
export function decodeLink(message: NetlinkMessage): Link | undefined {
  if (message.type !== rtm.newLink && message.type !== rtm.deleteLink) return undefined;
  const { body } = message;
  if (body.length < LINK_HEADER_BYTES || body[0] === AF_BRIDGE) return undefined;
  const view = viewOf(body);
  const flags = view.getUint32(8, true);
  const attributes = readAttributes(body, LINK_HEADER_BYTES);
  const info = attributes.nested(linkAttribute.info);
  const kind = info?.string(linkInfo.kind);
  const address = attributes.bytes(linkAttribute.address);
  return {
    index: view.getInt32(4, true),
    name: attributes.string(linkAttribute.name) ?? '',
    kind,
    mtu: attributes.u32(linkAttribute.mtu) ?? 0,
    mac: address?.length === 6 ? macFromBytes(address) : undefined,
    up: (flags & interfaceFlag.up) !== 0,
    running: (flags & interfaceFlag.lowerUp) !== 0,
    masterIndex: attributes.u32(linkAttribute.master),
    peerIndex: kind === 'veth' ? attributes.u32(linkAttribute.link) : undefined,
    peerNetnsId: kind === 'veth' ? attributes.s32(linkAttribute.linkNetnsId) : undefined,
    alias: attributes.string(linkAttribute.alias),
    vxlan: kind === 'vxlan' ? decodeVxlan(info?.nested(linkInfo.data)) : undefined,
  };
}

function decodeVxlan(data: Attributes | undefined): VxlanLink | undefined {
  if (data === undefined) return undefined;
  const local = data.bytes(vxlanInfo.localIpv4) ?? data.bytes(vxlanInfo.localIpv6);
  return {
    vni: data.u32(vxlanInfo.id) ?? 0,
    port: data.be16(vxlanInfo.port) ?? 0,
    local: local === undefined ? undefined : ipFromBytes(local),
    deviceIndex: data.u32(vxlanInfo.link),
    isLearning: data.u8(vxlanInfo.learning) === 1,
  };
}
