import { familyOf, ipToBytes, type Family, type IpAddress } from '@calico-node/net';
import { checkResult } from '../errno.ts';
import { loadNative } from '../native/load.ts';
import type { NativeTable } from '../native/table.ts';
import { inNetns, type NetnsRef } from '../netns.ts';
import { viewOf } from '../attribute-writer.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const IPPROTO_RAW = 255;

export interface SenderOptions {
  /** Where it sends; the caller's own namespace when absent. */
  readonly netns?: NetnsRef;
}

function openRaw(family: number, protocol: number, { netns }: SenderOptions, native: NativeTable): number {
  const create = (): number => native.socket(family, SOCK_RAW | SOCK_CLOEXEC, protocol);
  return checkResult(netns === undefined ? create() : inNetns(netns, create, native), 'socket', 'raw packets');
}

/** Sends frames out by one interface. Throws SyscallError, as its methods do. */
export class FrameSender implements Disposable {
  readonly #native = loadNative();
  readonly #fd: number;

  constructor(interfaceIndex: number, options: SenderOptions = {}) {
    this.#fd = openRaw(AF_PACKET, 0, options, this.#native);
    // struct sockaddr_ll; protocol 0 receives nothing.
    const address = new Uint8Array(20);
    viewOf(address).setUint16(0, AF_PACKET, true);
    viewOf(address).setInt32(4, interfaceIndex, true);
    try {
      checkResult(this.#native.bind(this.#fd, address), 'bind', `interface ${interfaceIndex}`);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** An Ethernet frame from its destination address on. */
  send(frame: Uint8Array): void {
    checkResult(this.#native.send(this.#fd, frame, 0), 'send', 'a frame');
  }

  close(): void {
    this.#native.close(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Sends IP packets, with headers of the caller's making, as a process of the host does. Throws SyscallError. */
export class PacketSender implements Disposable {
  readonly #native = loadNative();
  readonly #fds: Readonly<Record<Family, number>>;

  constructor(options: SenderOptions = {}) {
    const v4 = openRaw(AF_INET, IPPROTO_RAW, options, this.#native);
    try {
      this.#fds = { 4: v4, 6: openRaw(AF_INET6, IPPROTO_RAW, options, this.#native) };
    } catch (error) {
      this.#native.close(v4);
      throw error;
    }
  }

  /** Gives false where the packet filter refused it. */
  send(destination: IpAddress, packet: Uint8Array): boolean {
    const family = familyOf(destination);
    const fd = this.#fds[family];
    // struct sockaddr_in and sockaddr_in6, without a port
    const address = new Uint8Array(family === 4 ? 16 : 28);
    viewOf(address).setUint16(0, family === 4 ? AF_INET : AF_INET6, true);
    address.set(ipToBytes(destination), family === 4 ? 4 : 8);
    checkResult(this.#native.connect(fd, address), 'connect', destination);
    return this.#native.send(fd, packet, 0) >= 0;
  }

  close(): void {
    for (const fd of Object.values(this.#fds)) this.#native.close(fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
