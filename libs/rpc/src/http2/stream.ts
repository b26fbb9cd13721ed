import { errorCodes, flags, frameHead, frameTypes, Http2Error, maxFrameLength, numberFrame } from './frame.ts';
import type { Headers } from './hpack.ts';

/** How much of a stream may be under way to us before what came is taken. */
export const streamWindow = 4 << 20;
const maxWindow = 0x7fff_ffff;

/** What a stream's owner is told. Nothing follows `onClose`. */
export interface StreamHandler {
  /** Headers, or trailers. */
  onHeaders(headers: Headers, isLast: boolean): void;
  /** Bytes; the owner says by {@link Http2Stream.taken} when it has done with them. */
  onData(bytes: Buffer, isLast: boolean): void;
  /** The stream is over without its regular end: reset by the peer with a code, or lost with the connection. */
  onClose(reason: StreamLoss): void;
  /** Everything that was to be sent is sent, after it had to wait. */
  onDrain?(): void;
}

export interface StreamLoss {
  readonly code: number;
  readonly message: string;
  /** The peer has certainly done nothing about the stream. */
  readonly isUnseen: boolean;
}

/** What a stream needs of its connection. */
export interface StreamCarrier {
  readonly maxFrame: number;
  window: number;
  write(bytes: readonly Buffer[]): void;
  /** There is something to send that has to wait for a window. */
  wait(stream: Http2Stream): void;
  forget(stream: Http2Stream): void;
}

/** Bytes that wait for a window, or the trailers behind them. */
type Waiting = { readonly data: Buffer; readonly isLast: boolean } | { readonly trailers: Buffer };

/** One request and its answer (RFC 9113 section 5). */
export class Http2Stream {
  readonly id: number;
  /** Who is told of it; a server's stream gets it when it is there. */
  handler: StreamHandler | undefined;
  readonly #carrier: StreamCarrier;
  #window: number;
  #waiting: Waiting[] = [];
  #untold = 0;
  #hasSentLast = false;
  #hasReceivedLast = false;
  #isClosed = false;

  constructor(id: number, handler: StreamHandler | undefined, carrier: StreamCarrier, window: number) {
    this.id = id;
    this.handler = handler;
    this.#carrier = carrier;
    this.#window = window;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether something waits until the peer takes more. */
  get isBlocked(): boolean {
    return this.#waiting.length > 0;
  }

  /**
   * Sends what is given in one go: a header block first, then data, then trailers, which end our side; as does
   * `isLast`. Data that the peer has no room for goes later. The header block has to fit into one frame.
   */
  send(parts: { headers?: Buffer; data?: Buffer; trailers?: Buffer; isLast?: boolean }): void {
    if (this.#isClosed || this.#hasSentLast) return;
    const { headers, data, trailers, isLast = false } = parts;
    const out: Buffer[] = [];
    if (headers !== undefined) {
      const ends = isLast && data === undefined && trailers === undefined;
      out.push(
        frameHead(
          frameTypes.headers,
          ends ? flags.endHeaders | flags.endStream : flags.endHeaders,
          this.id,
          headers.length,
        ),
        headers,
      );
    }
    if (data !== undefined) this.#waiting.push({ data, isLast: isLast && trailers === undefined });
    if (trailers !== undefined) this.#waiting.push({ trailers });
    this.#hasSentLast = isLast || trailers !== undefined;
    this.#collect(out);
    if (out.length > 0) this.#carrier.write(out);
    if (this.#waiting.length > 0) this.#carrier.wait(this);
    this.#closeIfDone();
  }

  /** Sends what the windows allow now. Gives whether nothing is left. */
  flush(): boolean {
    const out: Buffer[] = [];
    this.#collect(out);
    if (out.length > 0) this.#carrier.write(out);
    if (this.#waiting.length > 0) return false;
    this.#closeIfDone();
    if (!this.#isClosed) this.handler?.onDrain?.();
    return true;
  }

  /** The owner has done with bytes that it was given: the peer may send as many more. */
  taken(bytes: number): void {
    this.#untold += bytes;
    if (this.#untold < streamWindow / 2 || this.#hasReceivedLast || this.#isClosed) return;
    this.#carrier.write([numberFrame(frameTypes.windowUpdate, this.id, this.#untold)]);
    this.#untold = 0;
  }

  /** Gives the stream up. The handler hears no more of it. */
  reset(code: number): void {
    if (this.#isClosed) return;
    this.#carrier.write([numberFrame(frameTypes.reset, this.id, code)]);
    this.#close();
  }

  /** @throws Http2Error when the window gets larger than allowed (RFC 9113 section 6.9.1). */
  widen(by: number): void {
    this.#window += by;
    if (this.#window > maxWindow) throw new Http2Error(errorCodes.flowControl, 'a window larger than allowed');
  }

  receiveHeaders(headers: Headers, isLast: boolean): void {
    this.#receive(isLast, () => {
      this.handler?.onHeaders(headers, isLast);
    });
  }

  receiveData(bytes: Buffer, isLast: boolean): void {
    this.#receive(isLast, () => {
      this.handler?.onData(bytes, isLast);
    });
  }

  /** It is over without its regular end. */
  lose(loss: StreamLoss): void {
    if (this.#isClosed) return;
    this.#close();
    this.handler?.onClose(loss);
  }

  #receive(isLast: boolean, tell: () => void): void {
    if (this.#isClosed) return;
    if (this.#hasReceivedLast) {
      this.reset(errorCodes.streamClosed);
      return;
    }
    this.#hasReceivedLast = isLast;
    this.#closeIfDone();
    tell();
  }

  #collect(out: Buffer[]): void {
    const carrier = this.#carrier;
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if ('trailers' in first) {
        const bits = flags.endHeaders | flags.endStream;
        out.push(frameHead(frameTypes.headers, bits, this.id, first.trailers.length), first.trailers);
        this.#waiting.shift();
        continue;
      }
      const { data, isLast } = first;
      const length = Math.min(data.length, carrier.maxFrame, maxFrameLength, this.#window, carrier.window);
      if (length <= 0 && data.length > 0) return;
      const isWhole = length === data.length;
      this.#window -= length;
      carrier.window -= length;
      out.push(frameHead(frameTypes.data, isWhole && isLast ? flags.endStream : 0, this.id, length));
      out.push(isWhole ? data : data.subarray(0, length));
      if (isWhole) this.#waiting.shift();
      else this.#waiting[0] = { data: data.subarray(length), isLast };
    }
  }

  #closeIfDone(): void {
    if (this.#hasSentLast && this.#hasReceivedLast && this.#waiting.length === 0) this.#close();
  }

  #close(): void {
    this.#isClosed = true;
    this.#waiting = [];
    this.#carrier.forget(this);
  }
}
