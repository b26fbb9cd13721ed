import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { createServer, Socket, type Server } from 'node:net';
import {
  decodeNotification,
  decodeOpen,
  encodeKeepalive,
  encodeMessage,
  encodeOpen,
  messageType,
  type Capability,
  type MessageType,
  type Notification,
  type OpenMessage,
} from '@calico-node/bgp';
import { parseIp } from '@calico-node/net';
import { openTcpSocket } from '@calico-node/netlink';
import { until, type Host } from './rig.ts';

const netnsOf = (host: Host): string => `/run/netns/${host.name}`;

export interface RawOpen {
  readonly asn?: number;
  readonly holdSeconds?: number;
  readonly routerId?: number;
  /** With the AS number in four octets unless `isOld`. */
  readonly capabilities?: readonly Capability[];
  readonly isOld?: boolean;
}

/** An OPEN of AS 64512 by 10.9.0.200, unless it is to say something else. */
export function rawOpen(parts: RawOpen = {}): Uint8Array {
  const { asn = 64512, holdSeconds = 90, routerId = 0x0a0900c8, capabilities = [], isOld = false } = parts;
  const all: Capability[] = isOld ? [...capabilities] : [{ kind: 'four-octet-as', asn }, ...capabilities];
  return encodeMessage(messageType.open, encodeOpen({ asn, holdSeconds, routerId, capabilities: all }));
}

/** An UPDATE's octets: withdrawn routes, attributes, prefixes. */
export function rawUpdate(
  attributes: readonly number[],
  prefixes: readonly number[],
  withdrawn: readonly number[] = [],
): Uint8Array {
  const length = (of: readonly number[]): number[] => [of.length >> 8, of.length & 255];
  const body = [...length(withdrawn), ...withdrawn, ...length(attributes), ...attributes, ...prefixes];
  return encodeMessage(messageType.update, Uint8Array.from(body));
}

/** One end of a BGP connection that does nothing by itself, and keeps what comes. */
export class RawPeer {
  readonly #socket: Socket;
  readonly #messages: { readonly type: number; readonly body: Uint8Array }[] = [];
  #rest = Buffer.alloc(0);
  isClosed = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.on('close', () => (this.isClosed = true));
    socket.on('data', (chunk: Buffer) => {
      this.#rest = Buffer.concat([this.#rest, chunk]);
      while (this.#rest.length >= 19 && this.#rest.length >= this.#rest.readUInt16BE(16)) {
        const end = this.#rest.readUInt16BE(16);
        this.#messages.push({ type: this.#rest[18]!, body: Uint8Array.from(this.#rest.subarray(19, end)) });
        this.#rest = this.#rest.subarray(end);
      }
    });
  }

  /** Connects from one host to another, or to another address of that one. */
  static dial(from: Host, to: Host, address = to.address): RawPeer {
    const fd = openTcpSocket({ family: address.includes(':') ? 6 : 4, netns: netnsOf(from) });
    const options = { fd, readable: true, writable: true, manualStart: true };
    return new RawPeer(new Socket(options).connect({ host: address, port: 179 }));
  }

  /** Connects, and brings the session up. */
  static async open(from: Host, to: Host, parts: RawOpen = {}, address = to.address): Promise<RawPeer> {
    const peer = RawPeer.dial(from, to, address);
    peer.send(rawOpen(parts), encodeKeepalive());
    await peer.receives(messageType.keepalive);
    return peer;
  }

  send(...messages: readonly Uint8Array[]): void {
    for (const message of messages) this.#socket.write(message);
  }

  /** The types of all messages, in the order in which they came. */
  get types(): readonly number[] {
    return this.#messages.map(({ type }) => type);
  }

  /** The bodies of the messages of a type. */
  bodies(type: MessageType): readonly Uint8Array[] {
    return this.#messages.flatMap((message) => (message.type === type ? [message.body] : []));
  }

  /** Waits for so many messages of a type; gives their bodies. */
  async receives(type: MessageType, count = 1): Promise<readonly Uint8Array[]> {
    return until(
      `${count} of type ${type}`,
      () => this.bodies(type),
      (bodies) => bodies.length >= count,
    );
  }

  async receivesOpen(): Promise<OpenMessage> {
    const [body] = await this.receives(messageType.open);
    const result = decodeOpen(body!, 0, body!.length);
    if (!result.ok) throw new Error('no good OPEN');
    return result.open;
  }

  /** Waits for the end of the connection, and for why. */
  async receivesNotification(): Promise<Notification> {
    const [body] = await this.receives(messageType.notification);
    return decodeNotification(body!, 0, body!.length);
  }

  /** Ends the connection without a word, as a crash does. */
  async drop(): Promise<void> {
    if (this.isClosed) return;
    const closed = once(this.#socket, 'close');
    this.#socket.destroy();
    await closed;
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** A port that connections come to: the kernel completes them at once, and each is had from `accept`. */
export class RawListener {
  readonly #fd: number;
  readonly #arrived: Socket[] = [];
  #server: Server | undefined;

  constructor(host: Host) {
    const bind = { ip: parseIp(host.address), port: 179 };
    this.#fd = openTcpSocket({ family: 4, netns: netnsOf(host), bind, listenBacklog: 8 });
  }

  async accept(): Promise<RawPeer> {
    this.#server ??= createServer((socket) => this.#arrived.push(socket)).listen({ fd: this.#fd });
    await until(
      'a connection',
      () => this.#arrived.length,
      (count) => count > 0,
    );
    return new RawPeer(this.#arrived.shift()!);
  }

  close(): void {
    if (this.#server === undefined) closeSync(this.#fd);
    else this.#server.close();
    for (const socket of this.#arrived) socket.destroy();
  }
}
