/*
 * The client's end of gRPC over HTTP/2 (gRPC's documentation, "gRPC over HTTP2"): one connection, made when a call needs
 * it and made again when it is gone. Which calls may be repeated is the caller's business; `RpcError.isUnseen` tells.
 */
import type { Socket } from 'node:net';
import { RpcError } from '../errors.ts';
import { Http2Connection } from '../http2/connection.ts';
import { errorCodes } from '../http2/frame.ts';
import { encodeHeaders, type Headers } from '../http2/hpack.ts';
import type { Http2Stream, StreamHandler, StreamLoss } from '../http2/stream.ts';
import { encodeMessage, headLength, MessageReader } from './message.ts';
import { errorOf, renderTimeout } from './status.ts';

export interface ChannelOptions {
  /** Begins a connection. */
  readonly connect: () => Socket;
  /** The event that says that the socket is connected: `secureConnect` for TLS. */
  readonly connectedEvent?: 'connect' | 'secureConnect';
  readonly authority: string;
  readonly scheme?: 'http' | 'https';
  /** How long a connection that carries calls may be silent before the peer is asked, and how long it may take then. */
  readonly keepAlive?: { readonly timeMs: number; readonly timeoutMs: number };
  /** Between two tries to connect of calls that wait: at first and at most, in milliseconds. */
  readonly retryMs?: { readonly first: number; readonly most: number };
  /** An established connection has ended, and not because the channel was closed. */
  readonly onLost?: () => void;
}

export interface ChannelCallOptions {
  /** As `Date.now()`; none: as long as it takes. */
  readonly deadline?: number;
  /** Wait until somebody serves, instead of failing when nobody does. */
  readonly waitForReady?: boolean;
  /** Sent along, names in lower case. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

/** What comes of a call. */
export interface CallEvents {
  onMessage(message: Buffer): void;
  /** Once, at last; undefined: all went well. */
  onEnd(error: RpcError | undefined): void;
  /** All that was written is under way. */
  onDrain?(): void;
}

/** A call that is under way. */
export interface ChannelCall {
  /** Sends a message, once there is a connection; the last one ends our side. */
  write(message: Uint8Array, isLast: boolean): void;
  /** A message has been done with: more may come. */
  taken(message: Buffer): void;
  /** Gives it up: `onEnd` follows, with `CANCELLED` unless said otherwise. */
  cancel(error?: RpcError): void;
}

export class GrpcChannel {
  readonly #options: ChannelOptions;
  readonly #heads = new Map<string, Buffer>();
  readonly #connections = new Set<Http2Connection>();
  /** The one for new calls. */
  #connection: Http2Connection | undefined;
  #connecting: Promise<void> | undefined;
  /** The socket of a connection that is not ready. */
  #attempt: Socket | undefined;
  #isClosed = false;

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  /** A call of one message, answered by one. @throws RpcError */
  unary(path: string, request: Uint8Array, options: ChannelCallOptions = {}): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      let answer: Buffer | undefined;
      const call = this.call(path, options, {
        onMessage: (message) => {
          answer = message;
          call.taken(message);
        },
        onEnd: (error) => {
          if (error !== undefined) reject(error);
          else if (answer === undefined) reject(new RpcError('INTERNAL', `${path}: no answer came`));
          else resolve(answer);
        },
      });
      call.write(request, true);
    });
  }

  /** Begins a call. */
  call(path: string, options: ChannelCallOptions, events: CallEvents): ChannelCall {
    return new Call(this, path, options, events).start();
  }

  /** Running calls end with `CANCELLED`. */
  close(): void {
    this.#isClosed = true;
    this.#attempt?.destroy();
    for (const connection of this.#connections) connection.destroy(new Error('the channel was closed'));
  }

  /** Leaves the connection: new calls get a new one, running ones may end on the old. */
  renew(): void {
    this.#attempt?.destroy();
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.leave();
  }

  /** The header block of a call. */
  head(path: string, { deadline, metadata }: ChannelCallOptions): Buffer {
    let fixed = this.#heads.get(path);
    if (fixed === undefined) {
      const { scheme = 'http', authority } = this.#options;
      fixed = encodeHeaders([
        [':method', 'POST'],
        [':scheme', scheme],
        [':path', path],
        [':authority', authority],
        ['content-type', 'application/grpc'],
        ['te', 'trailers'],
      ]);
      this.#heads.set(path, fixed);
    }
    if (deadline === undefined && metadata === undefined) return fixed;
    const own = Object.entries(metadata ?? {});
    if (deadline !== undefined) own.push(['grpc-timeout', renderTimeout(deadline - Date.now())]);
    return Buffer.concat([fixed, encodeHeaders(own)]);
  }

  /** Opens a stream at once, where there is a connection that takes it. */
  open(handler: StreamHandler): Http2Stream | undefined {
    const connection = this.#connection;
    return connection?.isUsable === true && connection.hasRoom ? connection.open(handler) : undefined;
  }

  /**
   * Waits until a stream may be opened; one try.
   * @throws RpcError `UNAVAILABLE` when nobody answers.
   */
  async ready(): Promise<void> {
    if (this.#isClosed) throw new RpcError('CANCELLED', 'the channel was closed', { isUnseen: true });
    if (this.#connection?.isUsable === true) {
      // It is as full as the peer allows.
      await delay(1);
      return;
    }
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined;
      this.#attempt = undefined;
    });
    await this.#connecting;
  }

  get retryMs(): { readonly first: number; readonly most: number } {
    return this.#options.retryMs ?? { first: 50, most: 1000 };
  }

  #connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      const { connect, connectedEvent = 'connect', authority, keepAlive, onLost } = this.#options;
      const socket = connect();
      this.#attempt = socket;
      const fail = (error: Error | undefined): void => {
        const reason = error?.message ?? 'the connection was closed';
        const message = `No connection established to ${authority}: ${reason}`;
        reject(new RpcError('UNAVAILABLE', message, { cause: error, isUnseen: true }));
      };
      const onEarlyError = (error: Error): void => {
        socket.destroy();
        fail(error);
      };
      const onEarlyClose = (): void => {
        fail(undefined);
      };
      socket.once('error', onEarlyError);
      socket.once('close', onEarlyClose);
      socket.once(connectedEvent, () => {
        socket.off('error', onEarlyError);
        socket.off('close', onEarlyClose);
        let stopKeepAlive = (): void => undefined;
        let isReady = false;
        const connection = new Http2Connection(socket, 'client', {
          onReady: () => {
            isReady = true;
            if (keepAlive !== undefined) stopKeepAlive = watchOver(connection, socket, keepAlive);
            resolve();
          },
          onGoAway: () => {
            if (this.#connection === connection) this.#connection = undefined;
          },
          onClose: (error) => {
            stopKeepAlive();
            this.#connections.delete(connection);
            if (this.#connection === connection) this.#connection = undefined;
            fail(error);
            if (isReady && !this.#isClosed) onLost?.();
          },
        });
        this.#connections.add(connection);
        this.#connection = connection;
        if (this.#isClosed) connection.destroy();
      });
    });
  }
}

/** Asks a silent peer for a sign of life while there are calls, and drops it when none comes. */
function watchOver(
  connection: Http2Connection,
  socket: Socket,
  { timeMs, timeoutMs }: NonNullable<ChannelOptions['keepAlive']>,
): () => void {
  let heard = socket.bytesRead;
  let limit: NodeJS.Timeout | undefined;
  const timer = setInterval(() => {
    const isSilent = socket.bytesRead === heard;
    heard = socket.bytesRead;
    if (!isSilent || limit !== undefined || connection.streams === 0) return;
    limit = setTimeout(() => {
      connection.destroy(new Error('the peer does not answer any more'));
    }, timeoutMs).unref();
    connection.ping(() => {
      clearTimeout(limit);
      limit = undefined;
    });
  }, timeMs).unref();
  return () => {
    clearInterval(timer);
    clearTimeout(limit);
  };
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** One call, from before there is a connection for it to its end. */
class Call implements ChannelCall, StreamHandler {
  readonly #channel: GrpcChannel;
  readonly #path: string;
  readonly #options: ChannelCallOptions;
  readonly #events: CallEvents;
  readonly #reader = new MessageReader();
  /** What is to be sent before there is a stream. */
  #early: { readonly message: Uint8Array; readonly isLast: boolean }[] = [];
  #stream: Http2Stream | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isHeadSent = false;
  #isEnded = false;
  readonly #onAbort = (): void => {
    this.cancel(new RpcError('CANCELLED', 'the caller gave up', { isUnseen: this.#stream === undefined }));
  };

  constructor(channel: GrpcChannel, path: string, options: ChannelCallOptions, events: CallEvents) {
    this.#channel = channel;
    this.#path = path;
    this.#options = options;
    this.#events = events;
  }

  start(): this {
    const { deadline, signal } = this.#options;
    if (signal?.aborted === true) {
      process.nextTick(this.#onAbort);
      return this;
    }
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (deadline !== undefined && deadline !== Infinity) {
      this.#timer = setTimeout(
        () => {
          const isUnseen = this.#stream === undefined;
          this.cancel(new RpcError('DEADLINE_EXCEEDED', `${this.#path}: no answer in time`, { isUnseen }));
        },
        Math.min(Math.max(0, deadline - Date.now()), 0x7fff_ffff),
      );
    }
    return this;
  }

  write(message: Uint8Array, isLast: boolean): void {
    if (this.#isEnded) return;
    // Streams have to begin in the order of their numbers: this one begins now.
    if (this.#early.length === 0) this.#stream ??= this.#channel.open(this);
    if (this.#stream !== undefined) {
      this.#send(this.#stream, message, isLast);
      return;
    }
    this.#early.push({ message, isLast });
    if (this.#early.length === 1) void this.#connect();
  }

  taken(message: Buffer): void {
    this.#stream?.taken(headLength + message.length);
  }

  cancel(error = new RpcError('CANCELLED', 'the caller gave up')): void {
    this.#stream?.reset(errorCodes.cancel);
    this.#end(error);
  }

  onHeaders(headers: Headers, isLast: boolean): void {
    if (!isLast) return;
    // Answered before it was asked in full.
    this.#stream?.reset(errorCodes.cancel);
    this.#end(errorOf(headers));
  }

  onData(bytes: Buffer, isLast: boolean): void {
    try {
      this.#reader.push(bytes, (message) => {
        if (!this.#isEnded) this.#events.onMessage(message);
      });
      if (isLast) throw new RpcError('INTERNAL', `${this.#path}: an answer without a gRPC status`);
    } catch (error) {
      this.cancel(error instanceof RpcError ? error : new RpcError('INTERNAL', String(error), { cause: error }));
    }
  }

  onClose({ code, message, isUnseen }: StreamLoss): void {
    const isCancelled = code === errorCodes.cancel && message.startsWith('the peer reset');
    this.#end(new RpcError(isCancelled ? 'CANCELLED' : 'UNAVAILABLE', message, { isUnseen }));
  }

  onDrain(): void {
    this.#events.onDrain?.();
  }

  async #connect(): Promise<void> {
    const { first, most } = this.#channel.retryMs;
    for (let wait = first; ; wait = Math.min(most, 2 * wait)) {
      try {
        await this.#channel.ready();
      } catch (error) {
        const failure =
          error instanceof RpcError ? error : new RpcError('UNAVAILABLE', String(error), { cause: error });
        if (this.#isEnded || this.#options.waitForReady !== true || failure.code !== 'UNAVAILABLE') {
          this.#end(failure);
          return;
        }
        await delay(wait);
        continue;
      }
      if (this.#isEnded) return;
      this.#stream = this.#channel.open(this);
      if (this.#stream === undefined) continue;
      for (const { message, isLast } of this.#early.splice(0)) this.#send(this.#stream, message, isLast);
      return;
    }
  }

  #send(stream: Http2Stream, message: Uint8Array, isLast: boolean): void {
    const data = encodeMessage(message);
    if (this.#isHeadSent) stream.send({ data, isLast });
    else stream.send({ headers: this.#channel.head(this.#path, this.#options), data, isLast });
    this.#isHeadSent = true;
  }

  #end(error: RpcError | undefined): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    this.#events.onEnd(error);
  }
}
