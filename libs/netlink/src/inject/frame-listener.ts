import { viewOf } from '../attribute-writer.ts';
import { checkResult } from '../errno.ts';
import { loadNative } from '../native/load.ts';
import { inNetns, type NetnsRef } from '../netns.ts';

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;

/** ARP (RFC 826) and Reverse ARP (RFC 903) in linux/if_ether.h. */
export const etherTypes = { arp: 0x0806, rarp: 0x8035 } as const;

export interface FrameListenerOptions {
  /** Where the interface is; the caller's own namespace when absent. */
  readonly netns?: NetnsRef;
  readonly interfaceIndex: number;
  readonly etherType: number;
  /** A frame that came in, with its Ethernet header; good until this returns. */
  readonly onFrame: (frame: Uint8Array) => void;
}

/** Hears frames of one type that come in on an interface, until it is closed. Throws SyscallError. */
export class FrameListener implements Disposable {
  readonly #native = loadNative();
  readonly #fd: number;
  readonly #unwatch: () => void;
  #isClosed = false;

  constructor({ netns, interfaceIndex, etherType, onFrame }: FrameListenerOptions) {
    const native = this.#native;
    // Protocol 0 receives nothing until bind says what, and of which interface.
    const create = (): number => native.socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    this.#fd = checkResult(netns === undefined ? create() : inNetns(netns, create, native), 'socket', 'frames');
    // struct sockaddr_ll
    const address = new Uint8Array(20);
    viewOf(address).setUint16(0, AF_PACKET, true);
    viewOf(address).setUint16(2, etherType);
    viewOf(address).setInt32(4, interfaceIndex, true);
    try {
      checkResult(native.bind(this.#fd, address), 'bind', `interface ${interfaceIndex}`);
    } catch (error) {
      native.close(this.#fd);
      throw error;
    }
    const frame = new Uint8Array(2048);
    this.#unwatch = native.watchReadable(this.#fd, () => {
      // Whoever hears one may have heard enough.
      while (!this.#isClosed) {
        const length = native.recv(this.#fd, frame, 0);
        if (length < 0) return;
        onFrame(frame.subarray(0, length));
      }
    });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#unwatch();
    this.#native.close(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
