import { ipFromBytes, macFromBytes, type IpAddress, type Mac } from '@calico-node/net';
import type { NetnsRef } from '../netns.ts';
import { etherTypes, FrameListener } from './frame-listener.ts';

/** Where an Ethernet frame with ARP for IPv4 (RFC 826) has the operation, the sender's and the target's address. */
const OPERATION_OFFSET = 20;
const SENDER_MAC_OFFSET = 22;
const SENDER_OFFSET = 28;
const TARGET_OFFSET = 38;
const FRAME_BYTES = 42;
const REQUEST = 1;

/** Somebody asks who has an address. */
export interface ArpRequest {
  readonly target: IpAddress;
  /** 0.0.0.0 where somebody asks before taking the address (RFC 5227 2.1). */
  readonly sender: IpAddress;
  readonly senderMac: Mac;
}

export interface ArpListenerOptions {
  /** Where the interface is; the caller's own namespace when absent. */
  readonly netns?: NetnsRef;
  readonly interfaceIndex: number;
  /** Who is behind the interface says of itself that it has the address (RFC 5227 3). */
  readonly onAnnouncement?: (ip: IpAddress) => void;
  /** Others' requests that are no announcements. */
  readonly onRequest?: (request: ArpRequest) => void;
}

/** Hears who announces itself by ARP on an interface, and who asks, until it is closed. Throws SyscallError. */
export class ArpListener extends FrameListener {
  constructor({ onAnnouncement, onRequest, ...where }: ArpListenerOptions) {
    super({
      ...where,
      etherType: etherTypes.arp,
      onFrame: (frame) => {
        const ip = announcedBy(frame);
        if (ip !== undefined) onAnnouncement?.(ip);
        else if (onRequest !== undefined && isRequest(frame)) onRequest(requestIn(frame));
      },
    });
  }
}

function announcedBy(frame: Uint8Array): IpAddress | undefined {
  if (frame.length < FRAME_BYTES) return undefined;
  const sender = frame.slice(SENDER_OFFSET, SENDER_OFFSET + 4);
  const target = frame.subarray(TARGET_OFFSET, TARGET_OFFSET + 4);
  return sender.some((byte) => byte !== 0) && sender.every((byte, index) => byte === target[index])
    ? ipFromBytes(sender)
    : undefined;
}

function isRequest(frame: Uint8Array): boolean {
  return frame.length >= FRAME_BYTES && frame[OPERATION_OFFSET] === 0 && frame[OPERATION_OFFSET + 1] === REQUEST;
}

function requestIn(frame: Uint8Array): ArpRequest {
  return {
    target: ipFromBytes(frame.slice(TARGET_OFFSET, TARGET_OFFSET + 4)),
    sender: ipFromBytes(frame.slice(SENDER_OFFSET, SENDER_OFFSET + 4)),
    senderMac: macFromBytes(frame.slice(SENDER_MAC_OFFSET, SENDER_MAC_OFFSET + 6)),
  };
}
