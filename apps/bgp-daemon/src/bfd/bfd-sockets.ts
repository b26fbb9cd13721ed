import { createSocket, type Socket } from 'node:dgram';
import { familyOf, parseIp, type Family, type IpAddress } from '@calico-node/net';
import { openUdpSocket, SyscallError } from '@calico-node/netlink';
import type { Logger } from '@calico-node/service';
import { peerHop, type PeerAddress } from '../config/daemon-config.ts';
import { readPeerAddress } from '../session/peer-address.ts';

/** RFC 5881 4 and RFC 5883 5. */
const ports = { single: 3784, multi: 4784 } as const;
export type BfdHops = keyof typeof ports;

/** RFC 5881 4: one source port for each session, from this range. */
const firstSourcePort = 49152;
const sourcePorts = 65536 - firstSourcePort;
const sourcePortAttempts = 16;
/** RFC 5881 5: sent with the largest TTL; what comes over one hop still has it. */
const ttl = 255;
const internetControl = 0xc0;
const anyAddress: Readonly<Record<Family, IpAddress>> = { 4: parseIp('0.0.0.0'), 6: parseIp('::') };
const retryMs = 1000;

export interface BfdTarget extends PeerAddress {
  readonly sourceAddress: IpAddress | undefined;
  readonly hops: BfdHops;
}

function adopt(family: Family, fd: number): Socket {
  return createSocket(family === 4 ? 'udp4' : 'udp6').bind({ fd });
}

/** Packets to one peer, from a port of its own. Errors are the path's, which is what the session is to find out. */
export class BfdSender {
  readonly #target: BfdTarget;
  readonly #log: Logger;
  #socket: Socket | undefined;

  constructor(target: BfdTarget, log: Logger) {
    this.#target = target;
    this.#log = log;
  }

  send(packet: Uint8Array): void {
    this.#socket ??= this.#open();
    this.#socket?.send(packet, ports[this.#target.hops], peerHop(this.#target), () => undefined);
  }

  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }

  #open(): Socket | undefined {
    const { address, interfaceName, sourceAddress, hops } = this.#target;
    const family = familyOf(address);
    for (let attempt = 0; attempt < sourcePortAttempts; attempt++) {
      const port = firstSourcePort + Math.floor(Math.random() * sourcePorts);
      try {
        // On a link the kernel takes its own address there.
        const source = interfaceName === undefined ? sourceAddress : undefined;
        const bind = { ip: source ?? anyAddress[family], port };
        const socket = adopt(family, openUdpSocket({ family, bind, ttl, trafficClass: internetControl }));
        return socket.on('error', () => undefined);
      } catch (error) {
        if (error instanceof SyscallError && error.code === 'EADDRINUSE') continue;
        this.#log.debug({ err: error, address, hops }, 'cannot send BFD packets yet');
        return undefined;
      }
    }
    return undefined;
  }
}

/** The ports that packets come to, opened while sessions need them. */
export class BfdReceiver {
  readonly #sockets = new Map<string, Socket>();
  readonly #onPacket: (bytes: Uint8Array, from: PeerAddress, hops: BfdHops) => void;
  readonly #log: Logger;
  #wanted: readonly { readonly family: Family; readonly hops: BfdHops }[] = [];
  #retry: NodeJS.Timeout | undefined;

  constructor(onPacket: (bytes: Uint8Array, from: PeerAddress, hops: BfdHops) => void, log: Logger) {
    this.#onPacket = onPacket;
    this.#log = log;
  }

  /** Receives for these sessions, and for no others. */
  listenFor(targets: readonly BfdTarget[]): void {
    this.#wanted = targets.map(({ address, hops }) => ({ family: familyOf(address), hops }));
    this.#update();
  }

  close(): void {
    this.listenFor([]);
  }

  #update(): void {
    clearTimeout(this.#retry);
    const wanted = new Map(this.#wanted.map((one) => [`${one.hops}-hop IPv${one.family}`, one]));
    for (const [name, socket] of this.#sockets) {
      if (wanted.has(name)) continue;
      socket.close();
      this.#sockets.delete(name);
    }
    for (const [name, { family, hops }] of wanted) {
      if (!this.#sockets.has(name)) this.#open(name, family, hops);
    }
  }

  #open(name: string, family: Family, hops: BfdHops): void {
    const port = ports[hops];
    try {
      const bind = { ip: anyAddress[family], port };
      const socket = adopt(family, openUdpSocket({ family, bind, ...(hops === 'single' ? { minTtl: ttl } : {}) }));
      socket.on('error', (error) => {
        this.#log.debug({ err: error }, 'error of a BFD socket');
      });
      socket.on('message', (bytes, { address }) => {
        const from = readPeerAddress(address);
        if (from !== undefined) this.#onPacket(bytes, from, hops);
      });
      this.#sockets.set(name, socket);
    } catch (error) {
      this.#log.error({ err: error, port, family }, 'cannot receive BFD packets; trying again');
      this.#retry = setTimeout(() => {
        this.#update();
      }, retryMs);
    }
  }
}
