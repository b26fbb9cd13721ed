import { RpcError } from '../errors.ts';
import { errorCodes } from '../http2/frame.ts';
import { encodeHeaders, type Headers } from '../http2/hpack.ts';
import type { Http2Stream, StreamHandler } from '../http2/stream.ts';
import { encodeMessage, headLength, MessageReader } from './message.ts';
import { errorTrailers, okTrailers, parseTimeout } from './status.ts';

/** A longer request is refused. */
const maxRequestLength = 4 << 20;
const answerHead = encodeHeaders([
  [':status', '200'],
  ['content-type', 'application/grpc'],
]);
const notGrpc = encodeHeaders([[':status', '415']]);

/** Serves one method: gives the answer, or many. */
export type ServeMethod = (request: Buffer, signal: AbortSignal) => Promise<Uint8Array> | AsyncIterable<Uint8Array>;

/** The server's end of one call. */
export class ServerCall implements StreamHandler {
  readonly #stream: Http2Stream;
  readonly #find: (path: string) => ServeMethod | undefined;
  readonly #abort = new AbortController();
  readonly #reader = new MessageReader(maxRequestLength);
  #serve: ServeMethod | undefined;
  #request: Buffer | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isAnswering = false;
  #drained: (() => void) | undefined;

  constructor(stream: Http2Stream, find: (path: string) => ServeMethod | undefined) {
    this.#stream = stream;
    this.#find = find;
  }

  onHeaders(headers: Headers, isLast: boolean): void {
    // Trailers of a request say nothing.
    if (this.#serve !== undefined) return;
    if (headers.get('content-type')?.startsWith('application/grpc') !== true) {
      this.#stream.send({ headers: notGrpc, isLast: true });
      this.#stream.reset(errorCodes.none);
      return;
    }
    const path = headers.get(':path') ?? '';
    this.#serve = this.#find(path);
    if (this.#serve === undefined) {
      this.#fail(new RpcError('UNIMPLEMENTED', `no method ${path}`));
      return;
    }
    const timeoutMs = parseTimeout(headers.get('grpc-timeout'));
    if (timeoutMs !== undefined) {
      const expire = (): void => {
        this.#fail(new RpcError('DEADLINE_EXCEEDED', `${path}: the time limit has passed`));
        this.#abort.abort();
      };
      this.#timer = setTimeout(expire, Math.min(timeoutMs, 0x7fff_ffff)).unref();
    }
    if (isLast) this.#fail(new RpcError('INTERNAL', `${path}: a call without a request`));
  }

  onData(bytes: Buffer, isLast: boolean): void {
    if (this.#isAnswering || this.#serve === undefined) return;
    try {
      this.#reader.push(bytes, (message) => {
        this.#request = message;
        this.#stream.taken(headLength + message.length);
      });
      if (!isLast) return;
      if (this.#request === undefined) throw new RpcError('INTERNAL', 'a call without a whole request');
      this.#isAnswering = true;
      void this.#answer(this.#serve, this.#request);
    } catch (error) {
      this.#fail(error);
    }
  }

  onClose(): void {
    clearTimeout(this.#timer);
    this.#abort.abort();
    this.#drained?.();
  }

  onDrain(): void {
    this.#drained?.();
  }

  async #answer(serve: ServeMethod, request: Buffer): Promise<void> {
    try {
      const answer = serve(request, this.#abort.signal);
      if (Symbol.asyncIterator in answer) await this.#sendMany(answer);
      else {
        const data = encodeMessage(await answer);
        this.#stream.send({ headers: answerHead, data, trailers: okTrailers });
      }
      clearTimeout(this.#timer);
    } catch (error) {
      this.#fail(error);
    }
  }

  async #sendMany(messages: AsyncIterable<Uint8Array>): Promise<void> {
    let headers: { headers?: Buffer } = { headers: answerHead };
    for await (const message of messages) {
      if (this.#stream.isClosed) return;
      this.#stream.send({ ...headers, data: encodeMessage(message) });
      headers = {};
      if (!this.#stream.isBlocked) continue;
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
      this.#drained = undefined;
    }
    this.#stream.send({ ...headers, trailers: okTrailers });
  }

  #fail(error: unknown): void {
    this.#isAnswering = true;
    clearTimeout(this.#timer);
    const message = error instanceof Error ? error.message : String(error);
    const trailers = errorTrailers(error instanceof RpcError ? error.code : 'INTERNAL', message);
    this.#stream.send({ headers: answerHead, trailers });
    // Where the request is not over, the rest of it is not wanted.
    if (!this.#stream.isBlocked) this.#stream.reset(errorCodes.none);
  }
}
