import { constants } from 'node:os';
import {
  controlType,
  encodeMessages,
  messageFlag,
  numberMessages,
  readAcknowledgement,
  readMessages,
  type FramedRequests,
  type NetlinkMessage,
  type NetlinkRequest,
} from './message.ts';
import { loadNative } from './native/load.ts';
import type { NativeTable } from './native/table.ts';
import { NetlinkError } from './netlink-error.ts';
import { openNetlinkSocket, type NetlinkSocketOptions } from './netlink-open.ts';
import { giveBackReceiveBuffer, takeReceiveBuffer } from './receive-buffers.ts';

const MSG_DONTWAIT = 0x40;
const MSG_TRUNC = 0x20;

/** Fits into the send buffer that an unprivileged socket has (212,992 bytes). */
export const CHUNK_BYTES = 128 * 1024;
/** Bounds how long one send keeps the event loop and the kernel's locks: about 2 ms of routes. */
const CHUNK_REQUESTS = 1000;
/** How often a dump that a concurrent change disturbed is begun again. */
const DUMP_ATTEMPTS = 16;
/** Messages delivered to a watcher before the event loop gets its turn. */
const WATCH_BURST = 1024;

export interface TransactionOptions {
  /** Which request asks for the acknowledgement; the last one when absent. */
  readonly ackIndex?: number;
  /** Gets what the kernel sends besides acknowledgements (NLM_F_ECHO); the message is valid during the call only. */
  readonly onReply?: (message: NetlinkMessage, requestIndex: number) => void;
}

export interface WatchHandlers {
  /** The message is valid during the call only. */
  readonly onMessage: (message: NetlinkMessage) => void;
  /** Events were lost. What was queued has been thrown away: read everything again, now. */
  readonly onOverrun: () => void;
}

/** The outcome of a batch: one entry per request, `undefined` for success. */
export type BatchOutcome = (NetlinkError | undefined)[];

/** Requests that were sent and wait for their end. */
interface Exchange {
  readonly firstSequence: number;
  readonly count: number;
  /** What a request asks for, in words. */
  readonly labelOf: (index: number) => string | undefined;
  readonly ackSequence: number;
  readonly outcome: BatchOutcome;
  readonly onReply: TransactionOptions['onReply'];
  isComplete: boolean;
}

/**
 * A netlink socket: requests with their answers, dumps, and multicast events.
 *
 * The kernel works on a request inside send, so that its answers are there when send returns; receiving never
 * blocks. Only the last message of a batch asks for an acknowledgement: errors come for any message regardless,
 * and small acknowledgements would fill the receive buffer.
 *
 * Synchronous and asynchronous calls may overlap on one socket: answers find their request by sequence number.
 */
export class NetlinkSocket implements Disposable {
  readonly fd: number;
  /** This socket's address; events caused by it carry this as their `portId`. */
  readonly portId: number;
  readonly #native: NativeTable;
  readonly #buffer = takeReceiveBuffer();
  readonly #exchanges = new Set<Exchange>();
  #nextSequence = 1;
  #stopWatching: (() => void) | undefined;
  #asyncQueue: Promise<unknown> = Promise.resolve();
  #sendsInFlight = 0;
  #isClosed = false;

  private constructor(fd: number, portId: number, native: NativeTable) {
    this.fd = fd;
    this.portId = portId;
    this.#native = native;
  }

  /** Throws SyscallError when the kernel refuses, Node's file error when there is no such namespace. */
  static open(options: NetlinkSocketOptions): NetlinkSocket {
    const native = options.native ?? loadNative();
    const { fd, portId } = openNetlinkSocket(options, native);
    return new NetlinkSocket(fd, portId, native);
  }

  /**
   * Has the kernel work on the requests in order, each on its own: one that fails does not keep the next from being
   * tried. They are sent in few large pieces. Throws only when the socket itself fails.
   */
  execute(requests: readonly NetlinkRequest[]): BatchOutcome {
    const outcome: BatchOutcome = [];
    while (outcome.length < requests.length) {
      const start = outcome.length;
      for (const error of this.#exchange(pieceOf(requests, start), {})) outcome.push(reindex(error, start));
    }
    return outcome;
  }

  /** `execute` with the kernel's work off the main thread. Asynchronous calls run one after another. */
  async executeAsync(requests: readonly NetlinkRequest[]): Promise<BatchOutcome> {
    return this.#inTurn(async () => {
      const outcome: BatchOutcome = [];
      while (outcome.length < requests.length) {
        const start = outcome.length;
        for (const error of await this.#exchangeAsync(pieceOf(requests, start), {}))
          outcome.push(reindex(error, start));
      }
      return outcome;
    });
  }

  /**
   * `executeAsync` for messages that stand in memory already. They are numbered in place, and go in one piece: at most
   * `CHUNK_BYTES` and a message. The caller leaves them alone until this settles.
   */
  async executeFramedAsync(framed: FramedRequests): Promise<BatchOutcome> {
    return this.#inTurn(async () => {
      if (framed.count === 0) return [];
      const exchange = this.#register(framed.count, (index) => framed.labelOf(index));
      const bytes = framed.bytes();
      numberMessages(bytes, exchange.firstSequence);
      return this.#finish(exchange, bytes);
    });
  }

  /** Sends all requests in one piece, as nfnetlink wants its transactions (the caller frames them: begin and end). */
  transact(requests: readonly NetlinkRequest[], options: TransactionOptions = {}): BatchOutcome {
    return this.#exchange(requests, options);
  }

  /** `transact` with the kernel's work off the main thread. Asynchronous calls run one after another. */
  async transactAsync(requests: readonly NetlinkRequest[], options: TransactionOptions = {}): Promise<BatchOutcome> {
    return this.#inTurn(() => this.#exchangeAsync(requests, options));
  }

  /** Has the kernel work on one request and gives what `decode` makes of its replies. Throws the kernel's NetlinkError. */
  request<T>(request: NetlinkRequest, decode: (message: NetlinkMessage) => T): T[] {
    const replies: T[] = [];
    const [error] = this.#exchange([request], {
      onReply: (message) => {
        replies.push(decode(message));
      },
    });
    if (error !== undefined) throw error;
    return replies;
  }

  /**
   * Dumps a kernel table: what `decode` makes of each object, without what it makes `undefined`. A dump that the
   * kernel reports as disturbed by a change is taken again; NetlinkError EINTR when it is disturbed every time.
   */
  dump<T>(request: NetlinkRequest, decode: (message: NetlinkMessage) => T | undefined): T[] {
    for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
      const objects = this.#dumpOnce(request, decode);
      if (objects !== undefined) return objects;
    }
    throw new NetlinkError({
      code: 'EINTR',
      request: request.label,
      detail: 'the table kept changing during the dump',
    });
  }

  /**
   * Hands over the events of the socket's multicast groups until it is closed. One watch per socket; such a socket
   * should not be used for requests as well. Exceptions of a handler are uncaught exceptions.
   */
  watch(handlers: WatchHandlers): void {
    if (this.#stopWatching !== undefined) throw new Error('this netlink socket is being watched already');
    let isScheduled = false;
    this.#stopWatching = this.#native.watchReadable(this.fd, () => {
      if (isScheduled) return;
      isScheduled = true;
      // At the end of the event loop's turn: answers that are ready to be sent go first.
      setImmediate(() => {
        isScheduled = false;
        if (!this.#isClosed) this.#deliver(handlers);
      });
    });
  }

  /** Ends watching and frees the socket; asynchronous calls that the kernel has begun are let finish. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopWatching?.();
    if (this.#sendsInFlight === 0) this.#free();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #free(): void {
    this.#native.close(this.fd);
    giveBackReceiveBuffer(this.#buffer);
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#asyncQueue.then(work);
    this.#asyncQueue = result.catch(() => undefined);
    return result;
  }

  #exchange(requests: readonly NetlinkRequest[], options: TransactionOptions): BatchOutcome {
    if (requests.length === 0) return [];
    const { exchange, bytes } = this.#begin(requests, options);
    try {
      checkSent(this.#native.send(this.fd, bytes, 0), exchange);
      this.#receiveUntil(exchange);
      return exchange.outcome;
    } finally {
      this.#exchanges.delete(exchange);
    }
  }

  async #exchangeAsync(requests: readonly NetlinkRequest[], options: TransactionOptions): Promise<BatchOutcome> {
    if (requests.length === 0) return [];
    const { exchange, bytes } = this.#begin(requests, options);
    return this.#finish(exchange, bytes);
  }

  /** Has the kernel work on an exchange off the main thread. */
  async #finish(exchange: Exchange, bytes: Uint8Array): Promise<BatchOutcome> {
    this.#sendsInFlight++;
    try {
      checkSent(await this.#native.sendAsync(this.fd, bytes, 0), exchange);
      this.#receiveUntil(exchange);
      return exchange.outcome;
    } finally {
      this.#exchanges.delete(exchange);
      this.#sendsInFlight--;
      if (this.#isClosed && this.#sendsInFlight === 0) this.#free();
    }
  }

  #begin(requests: readonly NetlinkRequest[], options: TransactionOptions): { exchange: Exchange; bytes: Uint8Array } {
    const exchange = this.#register(requests.length, (index) => requests[index]?.label, options);
    const { firstSequence, ackSequence } = exchange;
    return { exchange, bytes: encodeMessages(requests, firstSequence, ackSequence - firstSequence) };
  }

  /** Takes sequence numbers for so many requests. */
  #register(count: number, labelOf: Exchange['labelOf'], options: TransactionOptions = {}): Exchange {
    if (this.#isClosed) throw new NetlinkError({ code: 'EBADF', detail: 'the socket is closed' });
    // Zero is what the kernel's own messages carry: stay clear of it, and of a wrap inside a batch.
    if (this.#nextSequence + count > 0xffffffff) this.#nextSequence = 1;
    const firstSequence = this.#nextSequence;
    this.#nextSequence += count;
    const exchange: Exchange = {
      firstSequence,
      count,
      labelOf,
      ackSequence: firstSequence + (options.ackIndex ?? count - 1),
      outcome: new Array<NetlinkError | undefined>(count).fill(undefined),
      onReply: options.onReply,
      isComplete: false,
    };
    this.#exchanges.add(exchange);
    return exchange;
  }

  /** Receives until the exchange has its acknowledgement, or nothing is left and an error stands in its place. */
  #receiveUntil(exchange: Exchange): void {
    while (!exchange.isComplete) {
      const received = this.#receive();
      if (received === undefined) {
        if (exchange.outcome.some((error) => error !== undefined)) return;
        throw new NetlinkError({
          code: 'ENOMSG',
          detail: 'the kernel did not acknowledge',
          request: exchange.labelOf(0),
        });
      }
      for (const message of readMessages(received)) this.#dispatch(message);
    }
  }

  #dispatch(message: NetlinkMessage): void {
    for (const exchange of this.#exchanges) {
      const index = message.sequence - exchange.firstSequence;
      if (index < 0 || index >= exchange.count) continue;
      if (message.type === controlType.error) settle(exchange, message, index);
      else if (message.type !== controlType.noop) exchange.onReply?.(message, index);
      return;
    }
  }

  /** `undefined` when a change disturbed the dump. */
  #dumpOnce<T>(request: NetlinkRequest, decode: (message: NetlinkMessage) => T | undefined): T[] | undefined {
    const objects: T[] = [];
    const state: { isDisturbed: boolean; failure?: Error } = { isDisturbed: false };
    const onReply = (message: NetlinkMessage): void => {
      state.isDisturbed ||= (message.flags & messageFlag.dumpInterrupted) !== 0;
      if (message.type === controlType.done) settle(exchange, message, 0);
      else if (state.failure === undefined) {
        try {
          const object = decode(message);
          if (object !== undefined) objects.push(object);
        } catch (error) {
          // The kernel refuses another dump on this socket before this one has been read to its end.
          state.failure = error instanceof Error ? error : new Error(String(error));
        }
      }
    };
    const { exchange, bytes } = this.#begin([{ ...request, flags: request.flags | messageFlag.dump }], { onReply });
    try {
      checkSent(this.#native.send(this.fd, bytes, 0), exchange);
      this.#receiveUntil(exchange);
    } finally {
      this.#exchanges.delete(exchange);
    }
    const [error] = exchange.outcome;
    if (error !== undefined) throw error;
    if (state.failure !== undefined) throw state.failure;
    return state.isDisturbed ? undefined : objects;
  }

  /** What one receive brings, or `undefined` when nothing is there. Throws the socket's error, ENOBUFS among them. */
  #receive(): Uint8Array | undefined {
    const length = this.#native.recv(this.fd, this.#buffer, MSG_DONTWAIT | MSG_TRUNC);
    if (length === -constants.errno.EAGAIN) return undefined;
    if (length < 0) throw new NetlinkError({ errno: -length });
    if (length > this.#buffer.length) {
      throw new NetlinkError({ code: 'EMSGSIZE', detail: `the kernel sent ${length} bytes at once` });
    }
    return this.#buffer.subarray(0, length);
  }

  #deliver(handlers: WatchHandlers): void {
    for (let count = 0; count < WATCH_BURST; count++) {
      const length = this.#native.recv(this.fd, this.#buffer, MSG_DONTWAIT | MSG_TRUNC);
      if (length === -constants.errno.EAGAIN) return;
      if (length < 0 || length > this.#buffer.length) {
        // ENOBUFS, or a message that does not fit: the same to the reader, who has to read everything again.
        // What is still queued is older than that reading.
        this.#discardQueue();
        handlers.onOverrun();
        return;
      }
      for (const message of readMessages(this.#buffer.subarray(0, length))) {
        if (this.#isClosed) return;
        handlers.onMessage(message);
      }
      if (this.#isClosed) return;
    }
  }

  #discardQueue(): void {
    let length;
    do length = this.#native.recv(this.fd, this.#buffer, MSG_DONTWAIT | MSG_TRUNC);
    while (length >= 0 || length === -constants.errno.ENOBUFS);
  }
}

/** The requests from `start` on that go into one send; all of a small batch as they are. */
function pieceOf(requests: readonly NetlinkRequest[], start: number): readonly NetlinkRequest[] {
  let bytes = 0;
  let end = start;
  while (end < requests.length && end - start < CHUNK_REQUESTS) {
    bytes += (requests[end]?.body.length ?? 0) + 16;
    if (bytes > CHUNK_BYTES && end > start) break;
    end++;
  }
  return start === 0 && end === requests.length ? requests : requests.slice(start, end);
}

function checkSent(result: number, { count, labelOf }: Exchange): void {
  if (result >= 0) return;
  throw new NetlinkError({ errno: -result, request: count === 1 ? labelOf(0) : `send of ${count} requests` });
}

/** Notes what an NLMSG_ERROR or the end of a dump says of one request. */
function settle(exchange: Exchange, message: NetlinkMessage, index: number): void {
  if (message.sequence === exchange.ackSequence) exchange.isComplete = true;
  const { errno, detail, attributeOffset, missingAttribute } = readAcknowledgement(message);
  if (errno === 0) return;
  // The first error of a request is its cause.
  exchange.outcome[index] ??= new NetlinkError({
    errno,
    detail,
    attributeOffset,
    missingAttribute,
    request: exchange.labelOf(index),
    requestIndex: index,
  });
}

/** Moves an error from its piece's numbering to its batch's. */
function reindex(error: NetlinkError | undefined, offset: number): NetlinkError | undefined {
  return error === undefined || offset === 0 ? error : error.withRequestIndex((error.requestIndex ?? 0) + offset);
}
