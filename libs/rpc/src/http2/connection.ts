/*
 * One HTTP/2 connection (RFC 9113) as gRPC uses it, from either end: no priorities, no pushes. Everything goes straight
 * from the socket to the handlers and back in one turn of the event loop, and a message with its headers is one write:
 * `node:http2` and the packages on it take several times as long for a call.
 */
import type { Socket } from 'node:net';
import {
  clientPreface,
  errorCodes,
  flags,
  frame,
  FrameReader,
  frameTypes,
  Http2Error,
  numberFrame,
  settings,
  settingsFrame,
  unpadded,
  type Frame,
} from './frame.ts';
import { HpackDecoder, type Headers } from './hpack.ts';
import { Http2Stream, streamWindow, type StreamCarrier, type StreamHandler } from './stream.ts';

/** What a connection may have under way to us, all streams together. */
const connectionWindow = 0x4000_0000;
const defaultWindow = 65_535;
const maxWindow = 0x7fff_ffff;
/** More header octets than any call has. */
const maxHeaderBlock = 64 * 1024;

export interface ConnectionEvents {
  /** The peer has said what it is like: calls may go. */
  onReady?(): void;
  /** A client's new stream. */
  onStream?(stream: Http2Stream): StreamHandler;
  /** No new stream may be opened; running ones go on. */
  onGoAway?(): void;
  /** All is over; every stream has been told before. */
  onClose(error: Error | undefined): void;
}

/** A header block that goes on in further frames. */
interface OpenBlock {
  readonly stream: number;
  readonly isLast: boolean;
  readonly parts: Buffer[];
  length: number;
}

export class Http2Connection {
  readonly #socket: Socket;
  readonly #events: ConnectionEvents;
  readonly #role: 'client' | 'server';
  readonly #frames = new FrameReader();
  readonly #hpack = new HpackDecoder();
  readonly #streams = new Map<number, Http2Stream>();
  readonly #blocked = new Set<Http2Stream>();
  readonly #carrier: StreamCarrier;
  /** Of the preface, what has not come yet. */
  #preface: Buffer;
  #block: OpenBlock | undefined;
  #nextId = 1;
  #lastPeerId = 0;
  #initialWindow = defaultWindow;
  #maxStreams = Infinity;
  #untold = 0;
  #isReady = false;
  #isLeaving = false;
  #isClosed = false;
  #pong: (() => void) | undefined;

  constructor(socket: Socket, role: 'client' | 'server', events: ConnectionEvents) {
    this.#socket = socket;
    this.#role = role;
    this.#events = events;
    this.#preface = role === 'server' ? clientPreface : Buffer.alloc(0);
    const forget = (stream: Http2Stream): void => {
      this.#streams.delete(stream.id);
      this.#blocked.delete(stream);
      if (this.#isLeaving && this.#streams.size === 0) this.#end();
    };
    this.#carrier = {
      maxFrame: 16_384,
      window: defaultWindow,
      write: (bytes) => {
        this.#write(bytes);
      },
      wait: (stream) => {
        this.#blocked.add(stream);
      },
      forget,
    };
    socket.on('data', (bytes: Buffer) => {
      this.#receive(bytes);
    });
    socket.on('error', (error: Error) => {
      this.#close(error);
    });
    socket.on('end', () => {
      this.#close(undefined);
    });
    socket.on('close', () => {
      this.#close(undefined);
    });
    socket.on('drain', () => {
      this.#flushBlocked();
    });
    this.#write([
      ...(role === 'client' ? [clientPreface] : []),
      settingsFrame([
        ...(role === 'client' ? [[settings.enablePush, 0] as const] : []),
        [settings.initialWindow, streamWindow],
      ]),
      numberFrame(frameTypes.windowUpdate, 0, connectionWindow - defaultWindow),
    ]);
  }

  /** Whether the peer has answered, and takes new streams. */
  get isUsable(): boolean {
    return this.#isReady && !this.#isLeaving && !this.#isClosed;
  }

  /** Whether the peer takes one stream more now. */
  get hasRoom(): boolean {
    return this.#streams.size < this.#maxStreams;
  }

  get streams(): number {
    return this.#streams.size;
  }

  /** Opens a stream. The caller has looked at `isUsable`. */
  open(handler: StreamHandler): Http2Stream {
    const stream = new Http2Stream(this.#nextId, handler, this.#carrier, this.#initialWindow);
    this.#nextId += 2;
    if (this.#nextId > maxWindow) this.#isLeaving = true;
    this.#streams.set(stream.id, stream);
    return stream;
  }

  /** Asks for a sign of life; one at a time. */
  ping(onAnswer: () => void): void {
    this.#pong = onAnswer;
    this.#write([frame(frameTypes.ping, 0, 0, Buffer.alloc(8))]);
  }

  /** Takes no new streams, and ends when the last one has. */
  leave(): void {
    if (this.#isClosed || this.#isLeaving) return;
    this.#isLeaving = true;
    this.#goAway(errorCodes.none);
    if (this.#streams.size === 0) this.#end();
  }

  /** Ends at once. */
  destroy(error?: Error): void {
    this.#close(error);
  }

  /** After the last stream. A client that leaves waits for nothing. */
  #end(): void {
    if (this.#role === 'client') this.#close(undefined);
    else this.#socket.end();
  }

  #goAway(code: number): void {
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(this.#lastPeerId);
    payload.writeUInt32BE(code, 4);
    this.#write([frame(frameTypes.goAway, 0, 0, payload)]);
  }

  #write(bytes: readonly Buffer[]): void {
    if (this.#isClosed || !this.#socket.writable) return;
    this.#socket.write(bytes.length === 1 && bytes[0] !== undefined ? bytes[0] : Buffer.concat(bytes));
  }

  #receive(bytes: Buffer): void {
    if (this.#isClosed) return;
    try {
      const rest = this.#takePreface(bytes);
      if (rest.length > 0) {
        this.#frames.push(rest, (one) => {
          if (!this.#isClosed) this.#take(one);
        });
      }
    } catch (error) {
      const code = error instanceof Http2Error ? error.code : errorCodes.compression;
      this.#goAway(code);
      this.#close(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #takePreface(bytes: Buffer): Buffer {
    if (this.#preface.length === 0) return bytes;
    const length = Math.min(this.#preface.length, bytes.length);
    if (!bytes.subarray(0, length).equals(this.#preface.subarray(0, length))) {
      throw new Http2Error(errorCodes.protocol, 'not an HTTP/2 client');
    }
    this.#preface = this.#preface.subarray(length);
    return bytes.subarray(length);
  }

  #take(one: Frame): void {
    if (this.#block !== undefined && (one.type !== frameTypes.continuation || one.stream !== this.#block.stream)) {
      throw new Http2Error(errorCodes.protocol, 'a header block was interrupted');
    }
    switch (one.type) {
      case frameTypes.data:
        this.#takeData(one);
        return;
      case frameTypes.headers:
        this.#block = { stream: one.stream, isLast: (one.flags & flags.endStream) !== 0, parts: [], length: 0 };
        this.#takeBlock(unpadded(one), one.flags);
        return;
      case frameTypes.continuation:
        this.#takeBlock(one.payload, one.flags);
        return;
      case frameTypes.reset:
        this.#takeReset(one);
        return;
      case frameTypes.settings:
        this.#takeSettings(one);
        return;
      case frameTypes.ping:
        if ((one.flags & flags.ack) === 0) this.#write([frame(frameTypes.ping, flags.ack, 0, one.payload)]);
        else this.#pong?.();
        return;
      case frameTypes.goAway:
        this.#takeGoAway(one);
        return;
      case frameTypes.windowUpdate:
        this.#takeWindow(one);
        return;
      case frameTypes.pushPromise:
        throw new Http2Error(errorCodes.protocol, 'a push that was not allowed');
      default:
      // PRIORITY, and what later documents add (RFC 9113 section 5.5).
    }
  }

  #takeData(one: Frame): void {
    const { length } = one.payload;
    this.#untold += length;
    if (this.#untold >= connectionWindow / 2) {
      this.#write([numberFrame(frameTypes.windowUpdate, 0, this.#untold)]);
      this.#untold = 0;
    }
    const stream = this.#streams.get(one.stream);
    if (stream === undefined) return;
    const bytes = unpadded(one);
    if (bytes.length < length) stream.taken(length - bytes.length);
    stream.receiveData(bytes, (one.flags & flags.endStream) !== 0);
  }

  #takeBlock(part: Buffer, bits: number): void {
    const block = this.#block;
    if (block === undefined) throw new Http2Error(errorCodes.protocol, 'a continuation of nothing');
    block.parts.push(part);
    block.length += part.length;
    if (block.length > maxHeaderBlock) throw new Http2Error(errorCodes.enhanceYourCalm, 'too many headers');
    if ((bits & flags.endHeaders) === 0) return;
    this.#block = undefined;
    const headers = this.#hpack.decode(block.parts.length === 1 ? part : Buffer.concat(block.parts));
    this.#takeHeaders(block, headers);
  }

  #takeHeaders({ stream: id, isLast }: OpenBlock, headers: Headers): void {
    let stream = this.#streams.get(id);
    if (stream === undefined) {
      // What came too late for a stream that was given up.
      if (this.#role === 'client' || id <= this.#lastPeerId) return;
      if (id % 2 === 0) throw new Http2Error(errorCodes.protocol, 'not a stream of a client');
      this.#lastPeerId = id;
      if (this.#isLeaving) {
        this.#write([numberFrame(frameTypes.reset, id, errorCodes.refusedStream)]);
        return;
      }
      stream = new Http2Stream(id, undefined, this.#carrier, this.#initialWindow);
      this.#streams.set(id, stream);
      stream.handler = this.#events.onStream?.(stream);
    }
    stream.receiveHeaders(headers, isLast);
  }

  #takeReset({ stream: id, payload }: Frame): void {
    const code = payload.length === 4 ? payload.readUInt32BE() : errorCodes.internal;
    const isUnseen = code === errorCodes.refusedStream;
    this.#streams.get(id)?.lose({ code, message: `the peer reset the stream with code ${code}`, isUnseen });
  }

  #takeSettings({ flags: bits, payload }: Frame): void {
    if ((bits & flags.ack) !== 0) return;
    if (payload.length % 6 !== 0) throw new Http2Error(errorCodes.frameSize, 'half a setting');
    for (let at = 0; at < payload.length; at += 6) {
      const value = payload.readUInt32BE(at + 2);
      const setting = payload.readUInt16BE(at);
      if (setting === settings.maxConcurrentStreams) this.#maxStreams = value;
      if (setting === settings.initialWindow) {
        if (value > maxWindow) throw new Http2Error(errorCodes.flowControl, 'a window larger than allowed');
        for (const stream of this.#streams.values()) stream.widen(value - this.#initialWindow);
        this.#initialWindow = value;
      }
    }
    this.#write([frame(frameTypes.settings, flags.ack, 0, Buffer.alloc(0))]);
    if (!this.#isReady) {
      this.#isReady = true;
      this.#events.onReady?.();
    }
    this.#flushBlocked();
  }

  #takeGoAway({ payload }: Frame): void {
    if (payload.length < 8) throw new Http2Error(errorCodes.frameSize, 'half a GOAWAY');
    const last = payload.readUInt32BE() & maxWindow;
    const reason = payload.toString('latin1', 8);
    this.#isLeaving = true;
    this.#events.onGoAway?.();
    const message = `the peer closes the connection${reason === '' ? '' : `: ${reason}`}`;
    for (const stream of [...this.#streams.values()]) {
      const isOurs = stream.id % 2 === (this.#role === 'client' ? 1 : 0);
      if (isOurs && stream.id > last) stream.lose({ code: errorCodes.refusedStream, message, isUnseen: true });
    }
    if (this.#streams.size === 0) this.#end();
  }

  #takeWindow({ stream: id, payload }: Frame): void {
    const by = payload.length === 4 ? payload.readUInt32BE() & maxWindow : 0;
    if (id === 0) {
      this.#carrier.window += by;
      if (this.#carrier.window > maxWindow)
        throw new Http2Error(errorCodes.flowControl, 'a window larger than allowed');
    } else this.#streams.get(id)?.widen(by);
    this.#flushBlocked();
  }

  #flushBlocked(): void {
    for (const stream of [...this.#blocked]) if (stream.flush()) this.#blocked.delete(stream);
  }

  #close(error: Error | undefined): void {
    if (this.#isClosed) return;
    const wasReady = this.#isReady;
    this.#isClosed = true;
    // What was written, a GOAWAY for instance, goes out first.
    if (error === undefined || !this.#socket.writable) this.#socket.destroy();
    else this.#socket.destroySoon();
    const message = error === undefined ? 'the connection was closed' : error.message;
    for (const stream of [...this.#streams.values()]) {
      stream.lose({ code: errorCodes.cancel, message, isUnseen: !wasReady });
    }
    this.#events.onClose(error);
  }
}
