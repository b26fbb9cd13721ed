import { connect, type Socket } from 'node:net';
import { Backoff, type Logger } from '@calico-node/service';
import type { BmpStationConfig } from '../config/daemon-config.ts';

const retryMinMs = 1000;
const retryMaxMs = 60_000;
/** While this much waits to be sent, the table has to wait. */
const highWaterBytes = 1 << 20;

export interface StationHandlers {
  /** What a station is told first, message by message; asked for as fast as it takes it. */
  initial(): Iterator<Uint8Array>;
  farewell(): Uint8Array;
  /** It is connected: what it is to be told beside is so from when it `isReady`. */
  connected(): void;
  /** It takes more again. */
  drained(): void;
  lost(): void;
}

/**
 * The connection to one monitoring station: made again with back-off when it is lost. A station that reads too
 * slowly is dropped, and begins anew with the whole table.
 */
export class Station {
  readonly config: BmpStationConfig;
  readonly #handlers: StationHandlers;
  readonly #log: Logger;
  readonly #backoff = new Backoff(retryMinMs, retryMaxMs);
  #socket: Socket | undefined;
  #initial: Iterator<Uint8Array> | undefined;
  #isConnected = false;
  #retry: NodeJS.Timeout | undefined;
  /** How often it was dropped for being slow. */
  dropped = 0;

  constructor(config: BmpStationConfig, handlers: StationHandlers, log: Logger) {
    this.config = config;
    this.#handlers = handlers;
    this.#log = log.child({ station: `${config.address} port ${config.port}` });
    this.#connect();
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** It has what it is told first, and takes more. */
  get isReady(): boolean {
    const waiting = this.#socket?.writableLength ?? Infinity;
    return this.#isConnected && this.#initial === undefined && waiting <= highWaterBytes;
  }

  send(message: Uint8Array): void {
    const socket = this.#socket;
    if (socket === undefined || !this.#isConnected) return;
    socket.write(message);
    if (socket.writableLength <= this.config.maxBufferBytes) return;
    this.dropped++;
    this.#log.warn({ waiting: socket.writableLength }, 'the monitoring station is too slow: dropped');
    socket.destroy();
  }

  /** Says good-bye. */
  close(): void {
    clearTimeout(this.#retry);
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined) return;
    this.#handlers.lost();
    if (this.#isConnected) socket.end(this.#handlers.farewell(), () => socket.destroy());
    else socket.destroy();
  }

  #connect(): void {
    const { address, port } = this.config;
    const socket = connect({ host: address, port, noDelay: true });
    this.#socket = socket;
    socket.on('connect', () => {
      this.#isConnected = true;
      this.#log.info('monitoring station connected');
      this.#initial = this.#handlers.initial();
      this.#handlers.connected();
      this.#feed();
    });
    // RFC 7854 3.3: a station says nothing.
    socket.on('data', () => undefined);
    socket.on('drain', () => {
      this.#feed();
      this.#handlers.drained();
    });
    socket.on('error', (error) => {
      this.#log.debug({ err: error }, 'connection to the monitoring station failed');
    });
    socket.on('close', () => {
      this.#lost(socket);
    });
  }

  #lost(socket: Socket): void {
    if (this.#socket !== socket) return;
    if (this.#isConnected) this.#log.warn('monitoring station lost');
    this.#isConnected = false;
    this.#initial = undefined;
    this.#socket = undefined;
    this.#handlers.lost();
    this.#retry = setTimeout(() => {
      this.#connect();
    }, this.#backoff.nextMs());
  }

  /** A slice of the table for each turn of the loop, as far as the station keeps up. */
  #feed(): void {
    const socket = this.#socket;
    for (let count = 0; count < 256; count++) {
      if (socket === undefined || this.#initial === undefined || socket.writableLength > highWaterBytes) return;
      const next = this.#initial.next();
      if (next.done === true) {
        this.#initial = undefined;
        this.#backoff.reset();
        this.#handlers.drained();
        return;
      }
      socket.write(next.value);
    }
    setImmediate(() => {
      if (socket === this.#socket) this.#feed();
    });
  }
}
