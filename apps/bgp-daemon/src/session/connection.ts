import type { Socket } from 'node:net';
import { headerLength, readFrame, type MessageType, type Notification } from '@calico-node/bgp';
import type { IpAddress } from '@calico-node/net';
import { readPeerAddress } from './peer-address.ts';

export interface ConnectionHandlers {
  /** A whole message; its body is at `start..end`, valid during the call only. */
  onMessage(type: MessageType, bytes: Uint8Array, start: number, end: number): void;
  /** The stream is no BGP: nothing more is read. */
  onHeaderError(notification: Notification): void;
  /** The connection is over; told once, and not after `close`. */
  onClosed(reason: string): void;
  /** What was queued has been sent. */
  onDrain(): void;
}

/** How long one connection may parse before others get their turn: so short that a single route is not kept waiting. */
const sliceMs = 0.25;
/** How long a closed connection may take to have its last octets read. */
const lingerMs = 1000;
/** Bytes waiting to be sent above which a peer counts as slow. */
const congestedBytes = 1 << 20;

/** A TCP connection that carries BGP messages. Owns the socket. */
export class Connection {
  readonly #socket: Socket;
  readonly #handlers: ConnectionHandlers;
  readonly #isExtended: () => boolean;
  #buffer: Uint8Array = new Uint8Array(0);
  #isParsing = false;
  #isOver = false;
  #isHeld = false;
  #progressMs = 0;
  readonly #onFlushed = (): void => {
    this.#progressMs = performance.now();
  };
  /** When the last octet came, by `performance.now()`. */
  lastReceivedMs = performance.now();

  /** @param isExtended whether longer messages (RFC 8654) are agreed on, asked for each message. */
  constructor(socket: Socket, handlers: ConnectionHandlers, isExtended: () => boolean) {
    this.#socket = socket;
    this.#handlers = handlers;
    this.#isExtended = isExtended;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      this.#onData(chunk);
    });
    socket.on('drain', () => {
      if (!this.#isOver) handlers.onDrain();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#end(error.code ?? error.message);
    });
    socket.on('end', () => {
      this.#end('closed by the peer');
    });
    socket.on('close', () => {
      this.#end('closed');
    });
  }

  get localAddress(): IpAddress | undefined {
    return readPeerAddress(this.#socket.localAddress)?.address;
  }

  get localPort(): number | undefined {
    return this.#socket.localPort;
  }

  get remotePort(): number | undefined {
    return this.#socket.remotePort;
  }

  get isCongested(): boolean {
    return this.#socket.writableLength > congestedBytes;
  }

  send(message: Uint8Array): void {
    if (this.#isOver) return;
    if (this.#socket.writableLength === 0) this.#progressMs = performance.now();
    this.#socket.write(message, this.#onFlushed);
  }

  /** For how long the peer has not taken anything of what waits for it; 0 when nothing waits. */
  get stuckMs(): number {
    return this.#socket.writableLength === 0 ? 0 : performance.now() - this.#progressMs;
  }

  /** Tells no further message until `release`. */
  hold(): void {
    this.#isHeld = true;
    this.#socket.pause();
  }

  /** Not to be called from within `onMessage`. */
  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    if (this.#isOver) return;
    this.#socket.resume();
    this.#parse();
  }

  /** Closes after what was sent; nothing is told any more. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#buffer = new Uint8Array(0);
    this.#socket.removeAllListeners('data');
    if (this.#socket.connecting) {
      this.#socket.destroy();
      return;
    }
    // Unread octets would turn the close into a reset, which may overtake a NOTIFICATION: read on a while.
    this.#socket.resume();
    this.#socket.end();
    const giveUp = setTimeout(() => this.#socket.destroy(), lingerMs).unref();
    this.#socket.once('close', () => {
      clearTimeout(giveUp);
    });
  }

  #end(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#socket.destroy();
    this.#handlers.onClosed(reason);
  }

  #onData(chunk: Buffer): void {
    this.lastReceivedMs = performance.now();
    // A plain view: `slice` of a Buffer would not copy.
    const view = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
    this.#buffer = this.#buffer.length === 0 ? view : concat(this.#buffer, view);
    if (!this.#isParsing && !this.#isHeld) this.#parse();
  }

  #parse(): void {
    const deadline = performance.now() + sliceMs;
    const bytes = this.#buffer;
    let at = 0;
    for (;;) {
      const frame = readFrame(bytes, at, bytes.length, this.#isExtended());
      if (frame.kind === 'incomplete') break;
      if (frame.kind === 'error') {
        this.#handlers.onHeaderError(frame.notification);
        return;
      }
      this.#handlers.onMessage(frame.type, bytes, at + headerLength, frame.end);
      if (this.#isOver) return;
      at = frame.end;
      if (this.#isHeld) break;
      if (performance.now() > deadline) {
        this.#resumeLater(at);
        return;
      }
    }
    // The rest is copied: a view would keep the whole chunk alive.
    this.#buffer = bytes.slice(at);
    if (this.#isParsing && !this.#isHeld) this.#socket.resume();
    this.#isParsing = false;
  }

  #resumeLater(at: number): void {
    this.#buffer = this.#buffer.subarray(at);
    this.#isParsing = true;
    this.#socket.pause();
    setImmediate(() => {
      if (!this.#isOver) this.#parse();
    });
  }
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
