import { viewOf, AttributeWriter } from '../attribute-writer.ts';
import { readAttributes } from '../attributes.ts';
import type { NetlinkMessage, NetlinkRequest } from '../message.ts';
import { rtm } from './kernel-numbers.ts';
import { LINK_HEADER_BYTES, linkAttribute, linkInfo } from './link.ts';

/** IFLA_XDP and what it holds (include/uapi/linux/if_link.h). */
const IFLA_XDP = 43;
const xdpAttribute = { fd: 1, flags: 3, driverId: 5, genericId: 6, offloadId: 7, expectedFd: 8 } as const;
const xdpFlag = { onlyFirst: 0x1, generic: 0x2, driver: 0x4, offload: 0x8, replace: 0x10 } as const;
const ARPHRD_ETHER = 1;

/** Where a program sees packets: in the network card, in its driver, or, for any interface, behind the driver. */
export type XdpMode = 'offload' | 'driver' | 'generic';

export interface XdpProgram {
  readonly mode: XdpMode;
  /** Of the program, as the kernel numbers them. */
  readonly id: number;
}

/** An interface as XDP sees it. */
export interface XdpInterface {
  readonly index: number;
  readonly name: string;
  /** Its packets begin with an Ethernet header. */
  readonly isEthernet: boolean;
  /** The bridge or bond that it is a port of. */
  readonly masterIndex: number | undefined;
  /** The interface that it is a VLAN of. */
  readonly vlanOfIndex: number | undefined;
  readonly programs: readonly XdpProgram[];
}

/** Reads an RTM_NEWLINK or RTM_DELLINK message; `undefined` for others. */
export function decodeXdp(message: NetlinkMessage): XdpInterface | undefined {
  const { body } = message;
  if (message.type !== rtm.newLink && message.type !== rtm.deleteLink) return undefined;
  if (body.length < LINK_HEADER_BYTES) return undefined;
  const view = viewOf(body);
  const attributes = readAttributes(body, LINK_HEADER_BYTES);
  const xdp = attributes.nested(IFLA_XDP);
  const program = (mode: XdpMode, type: number): readonly XdpProgram[] => {
    const id = xdp?.u32(type);
    return id === undefined ? [] : [{ mode, id }];
  };
  const isVlan = attributes.nested(linkAttribute.info)?.string(linkInfo.kind) === 'vlan';
  return {
    index: view.getInt32(4, true),
    name: attributes.string(linkAttribute.name) ?? '',
    isEthernet: view.getUint16(2, true) === ARPHRD_ETHER,
    masterIndex: attributes.u32(linkAttribute.master),
    vlanOfIndex: isVlan ? attributes.u32(linkAttribute.link) : undefined,
    programs: [
      ...program('offload', xdpAttribute.offloadId),
      ...program('driver', xdpAttribute.driverId),
      ...program('generic', xdpAttribute.genericId),
    ],
  };
}

export interface XdpChange {
  readonly interfaceIndex: number;
  readonly mode: XdpMode;
  /** File descriptor of the program that is to run there; absent to end that of `replacedFd`. */
  readonly fd?: number;
  /** Of the program that has to be there now, EEXIST if another one is; absent when there must be none, EBUSY if there is. */
  readonly replacedFd?: number;
}

/** Puts a program in place of another one, in one step. Needs Linux 5.7. */
export function setXdp({ interfaceIndex, mode, fd = -1, replacedFd }: XdpChange): NetlinkRequest {
  const header = new Uint8Array(LINK_HEADER_BYTES);
  viewOf(header).setInt32(4, interfaceIndex, true);
  const flags = xdpFlag[mode] | (replacedFd === undefined ? xdpFlag.onlyFirst : xdpFlag.replace);
  const writer = new AttributeWriter(header).nested(IFLA_XDP, (xdp) => {
    xdp.s32(xdpAttribute.fd, fd).u32(xdpAttribute.flags, flags);
    if (replacedFd !== undefined) xdp.s32(xdpAttribute.expectedFd, replacedFd);
  });
  const label = `set the ${mode} XDP program of interface ${interfaceIndex}`;
  return { type: rtm.setLink, flags: 0, body: writer.finish(), label };
}
