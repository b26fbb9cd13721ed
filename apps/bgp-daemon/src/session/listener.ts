import { createServer, type Server, type Socket } from 'node:net';
import { familyOf, parseIp, type Cidr, type IpAddress } from '@calico-node/net';
import { openTcpSocket, setTcpMd5Key } from '@calico-node/netlink';
import type { Logger } from '@calico-node/service';
import { peerHop, type PeerAddress } from '../config/daemon-config.ts';
import { readPeerAddress } from './peer-address.ts';

export interface ListenerHandlers {
  accept(socket: Socket, remote: PeerAddress): void;
  /** Undefined: listening everywhere. */
  state(problem: string | undefined): void;
}

/** What takes connections. */
export interface Listening {
  /** Asks these peers for TCP MD5 signatures (RFC 2385), and no others. */
  setKeys(keys: ReadonlyMap<IpAddress | Cidr, string>): void;
  close(): void;
}

const retryMs = 1000;
const backlog = 128;
/** Precedence "internetwork control", as routing protocols use (RFC 4271 appendix E). */
const internetControl = 0xc0;

/** Every address of both families. */
const everywhere = ['0.0.0.0', '::'].map((text): PeerAddress => ({ address: parseIp(text) }));

/** Errors of a kernel without the family: it has no peers of it either. */
const missingFamily = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL']);

interface OpenPort {
  readonly fd: number;
  readonly server: Server;
  readonly address: IpAddress;
  readonly keys: Map<IpAddress | Cidr, string>;
}

/** Listens for BGP connections on some addresses, or on all; keeps trying where that fails. */
export class Listener implements Listening {
  readonly #listening = new Set<OpenPort>();
  readonly #retries = new Set<NodeJS.Timeout>();
  readonly #problems = new Map<string, string>();
  readonly #handlers: ListenerHandlers;
  readonly #log: Logger;
  readonly #port: number;
  #keys: ReadonlyMap<IpAddress | Cidr, string> = new Map();
  #isClosed = false;

  /** @param addresses none: all. */
  constructor(addresses: readonly PeerAddress[], port: number, handlers: ListenerHandlers, log: Logger) {
    this.#handlers = handlers;
    this.#log = log;
    this.#port = port;
    const isEverywhere = addresses.length === 0;
    for (const address of isEverywhere ? everywhere : addresses) this.#listen(address, isEverywhere, true);
  }

  setKeys(keys: ReadonlyMap<IpAddress | Cidr, string>): void {
    this.#keys = keys;
    for (const listening of this.#listening) this.#applyKeys(listening);
  }

  close(): void {
    this.#isClosed = true;
    for (const timer of this.#retries) clearTimeout(timer);
    for (const { server } of this.#listening) server.close();
    this.#listening.clear();
  }

  #listen(where: PeerAddress, isOptional: boolean, isFirst: boolean): void {
    const { address, interfaceName } = where;
    const name = peerHop(where);
    const failed = (error: NodeJS.ErrnoException): void => {
      const code = error.code ?? error.message;
      if (isOptional && familyOf(address) === 6 && missingFamily.has(code)) return;
      if (isFirst) this.#log.error({ err: error, address: name, port: this.#port }, 'cannot listen; trying again');
      this.#problem(name, `cannot listen on ${name} port ${this.#port}: ${code}`);
      this.#retry(where, isOptional);
    };
    let fd;
    try {
      // A TTL of 255 is what peers with GTSM (RFC 5082) expect, and does no harm to others.
      const bind = { ip: address, port: this.#port };
      fd = openTcpSocket({
        family: familyOf(address),
        bind,
        ...(interfaceName === undefined ? {} : { device: interfaceName }),
        listenBacklog: backlog,
        ttl: 255,
        trafficClass: internetControl,
      });
    } catch (error) {
      failed(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    const server = createServer((socket) => {
      const remote = readPeerAddress(socket.remoteAddress);
      if (remote === undefined || this.#isClosed) socket.destroy();
      else this.#handlers.accept(socket, remote);
    });
    const listening: OpenPort = { fd, server, address, keys: new Map() };
    server.on('error', (error) => {
      this.#listening.delete(listening);
      server.close();
      failed(error);
    });
    this.#listening.add(listening);
    this.#applyKeys(listening);
    server.listen({ fd }, () => {
      this.#log.info({ address: name, port: this.#port }, 'listening');
      this.#problem(name, undefined);
    });
  }

  #retry(where: PeerAddress, isOptional: boolean): void {
    const timer = setTimeout(() => {
      this.#retries.delete(timer);
      if (!this.#isClosed) this.#listen(where, isOptional, false);
    }, retryMs);
    this.#retries.add(timer);
  }

  #applyKeys({ fd, address, keys }: OpenPort): void {
    for (const peer of new Set([...keys.keys(), ...this.#keys.keys()])) {
      const wanted = this.#keys.get(peer);
      if (familyOf(peer) !== familyOf(address) || wanted === keys.get(peer)) continue;
      try {
        setTcpMd5Key(fd, peer, wanted);
        if (wanted === undefined) keys.delete(peer);
        else keys.set(peer, wanted);
      } catch (error) {
        this.#log.error({ err: error, peer }, 'cannot set the TCP MD5 key');
      }
    }
  }

  #problem(address: string, problem: string | undefined): void {
    if (problem === undefined) this.#problems.delete(address);
    else this.#problems.set(address, problem);
    const [first] = this.#problems.values();
    this.#handlers.state(first);
  }
}
