import { ipFromBytes, macFromBytes, type IpAddress, type Mac } from '@calico-node/net';
import { viewOf } from '../attribute-writer.ts';
import { checkResult } from '../errno.ts';
import { loadNative } from '../native/load.ts';
import { inNetns, type NetnsRef } from '../netns.ts';

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const ETH_P_ARP = 0x0806;
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
export class ArpListener implements Disposable {
  readonly #native = loadNative();
  readonly #fd: number;
  readonly #unwatch: () => void;

  constructor({ netns, interfaceIndex, onAnnouncement, onRequest }: ArpListenerOptions) {
    const native = this.#native;
    // Protocol 0 receives nothing until bind says what, and of which interface.
    const create = (): number => native.socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    this.#fd = checkResult(netns === undefined ? create() : inNetns(netns, create, native), 'socket', 'ARP');
    // struct sockaddr_ll
    const address = new Uint8Array(20);
    viewOf(address).setUint16(0, AF_PACKET, true);
    viewOf(address).setUint16(2, ETH_P_ARP);
    viewOf(address).setInt32(4, interfaceIndex, true);
    try {
      checkResult(native.bind(this.#fd, address), 'bind', `interface ${interfaceIndex}`);
    } catch (error) {
      native.close(this.#fd);
      throw error;
    }
    const frame = new Uint8Array(2048);
    this.#unwatch = native.watchReadable(this.#fd, () => {
      for (;;) {
        const length = native.recv(this.#fd, frame, 0);
        if (length < 0) return;
        const heard = frame.subarray(0, length);
        const ip = announcedBy(heard);
        if (ip !== undefined) onAnnouncement?.(ip);
        else if (onRequest !== undefined && isRequest(heard)) onRequest(requestIn(heard));
      }
    });
  }

  close(): void {
    this.#unwatch();
    this.#native.close(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
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
