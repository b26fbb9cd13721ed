import { Socket } from 'node:net';
import {
  decodeNotification,
  describeNotification,
  encodeKeepalive,
  encodeOpenMessage,
  messageType,
  u16,
  u8,
} from '@calico-node/bgp';
import { openTcpSocket } from '@calico-node/netlink';
import { parseIp } from '@calico-node/net';
import { RoutingView } from './routing-view.ts';

export interface SpeakerOptions {
  /** The namespace that the connection starts in. */
  readonly netns: string;
  readonly address: string;
  readonly peer: string;
  readonly asn: number;
  readonly routerId: number;
  /** What this peer itself announces does not count when it comes back. */
  readonly own?: Uint32Array;
  /** Only listens whether the daemon lives. */
  readonly ignoresRoutes?: boolean;
}

/** Proposed to the daemon; a third of it is how often it has to be heard. */
export const holdSeconds = 9;

/** A peer of the daemon under test: a bare session that counts routes and takes no time about it. */
export class BenchSpeaker {
  readonly view: RoutingView;
  readonly #options: SpeakerOptions;
  #socket: Socket | undefined;
  #rest: Buffer = Buffer.alloc(0);
  #keepalive: NodeJS.Timeout | undefined;
  #onUp: (() => void) | undefined;
  #onFailed: ((error: Error) => void) | undefined;
  #waiting: { readonly holds: (view: RoutingView) => boolean; readonly resolve: (at: number) => void } | undefined;
  #heardAt = 0;
  /** The longest time without any message while the session was up, in ms. */
  longestSilenceMs = 0;

  constructor(options: SpeakerOptions) {
    this.#options = options;
    this.view = new RoutingView(options.own ?? new Uint32Array(0));
  }

  /** Opens the session. Resolves when it is established. @throws Error when the daemon refuses. */
  async up(): Promise<void> {
    const { netns, address, peer } = this.#options;
    const fd = openTcpSocket({ family: 4, netns, bind: { ip: parseIp(address), port: 0 } });
    const options = { fd, readable: true, writable: true, manualStart: true };
    const socket = new Socket(options).connect({ host: peer, port: 179 });
    this.#socket = socket;
    socket.setNoDelay(true);
    await new Promise<void>((resolve, reject) => {
      this.#onUp = resolve;
      this.#onFailed = reject;
      socket.once('connect', () => {
        socket.write(this.#open());
      });
      socket.on('data', (chunk: Buffer) => {
        this.#onData(chunk);
      });
      socket.on('error', reject);
      socket.on('close', () => {
        reject(new Error(`${address}: the daemon closed the session`));
      });
    });
  }

  get isUp(): boolean {
    return this.#keepalive !== undefined && this.#socket?.destroyed === false;
  }

  send(messages: Uint8Array): void {
    this.#socket?.write(messages);
  }

  /** When the view came to hold something, by `performance.now()`; now if it does already. */
  async until(holds: (view: RoutingView) => boolean, timeoutMs: number): Promise<number> {
    if (holds(this.view)) return performance.now();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting = undefined;
        reject(new Error(`${this.#options.address}: ${this.view.count} routes after ${timeoutMs / 1000} s`));
      }, timeoutMs);
      this.#waiting = {
        holds,
        resolve: (at) => {
          clearTimeout(timer);
          resolve(at);
        },
      };
    });
  }

  close(): void {
    clearInterval(this.#keepalive);
    this.#socket?.destroy();
  }

  #open(): Uint8Array {
    const { asn, routerId } = this.#options;
    return encodeOpenMessage({
      asn,
      routerId,
      holdSeconds,
      capabilities: [{ kind: 'multiprotocol', family: 4 }, { kind: 'route-refresh' }, { kind: 'four-octet-as', asn }],
    });
  }

  #onData(chunk: Buffer): void {
    const now = performance.now();
    if (this.#heardAt > 0) this.longestSilenceMs = Math.max(this.longestSilenceMs, now - this.#heardAt);
    this.#heardAt = now;
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= 19) {
      const end = at + u16(bytes, at + 16);
      if (end > bytes.length) break;
      this.#message(u8(bytes, at + 18), bytes, at + 19, end);
      at = end;
    }
    this.#rest = Buffer.from(bytes.subarray(at));
    if (this.#waiting?.holds(this.view) === true) {
      const { resolve } = this.#waiting;
      this.#waiting = undefined;
      resolve(performance.now());
    }
  }

  #message(type: number, bytes: Buffer, start: number, end: number): void {
    if (type === messageType.update) {
      if (this.#options.ignoresRoutes !== true) this.view.update(bytes, start, end);
    } else if (type === messageType.open) {
      this.send(encodeKeepalive());
    } else if (type === messageType.keepalive && this.#keepalive === undefined) {
      this.#keepalive = setInterval(
        () => {
          this.send(encodeKeepalive());
        },
        (holdSeconds * 1000) / 3,
      );
      this.#onUp?.();
    } else if (type === messageType.notification) {
      this.#onFailed?.(new Error(describeNotification(decodeNotification(bytes, start, end))));
    }
  }
}
