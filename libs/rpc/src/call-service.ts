import { status, type ServerDuplexStream, type ServiceDefinition } from '@grpc/grpc-js';
import { RpcError, statusOf } from './errors.ts';
import { CallServiceService, type CallsRequest, type CallsResponse } from './gen/calico/rpc/v1/calls.ts';

/** What a unary call is answered by. */
export type Handle = (request: unknown, context: { readonly signal: AbortSignal }) => unknown;

interface Method {
  readonly handle: Handle;
  readonly decode: (message: Buffer) => unknown;
  readonly encode: (response: unknown) => Buffer;
}

type Stream = ServerDuplexStream<CallsRequest, CallsResponse>;

/** The server's end of {@link CallStream}: the unary methods that were added, called over streams. */
export class CallService {
  readonly definition = CallServiceService;
  readonly implementation = {
    calls: (stream: Stream): void => {
      this.#serve(stream);
    },
  };
  readonly #methods = new Map<string, Method>();
  readonly #open = new Map<Stream, Map<number, AbortController>>();
  #isEnding = false;

  /** Lets the methods of a service be called that have a handler. */
  add(service: ServiceDefinition, handleOf: (name: string) => Handle | undefined): void {
    for (const [name, { path, requestDeserialize, responseSerialize }] of Object.entries(service)) {
      const handle = handleOf(name);
      if (handle !== undefined)
        this.#methods.set(path, { handle, decode: requestDeserialize, encode: responseSerialize });
    }
  }

  /** Takes no more calls, and ends each stream once its calls are answered. */
  end(): void {
    this.#isEnding = true;
    for (const stream of this.#open.keys()) this.#endIdle(stream);
  }

  /** Ends all streams: calls that are not answered fail for their callers, and their handlers' signals fire. */
  abandon(): void {
    for (const [stream, running] of this.#open) {
      for (const abort of running.values()) abort.abort();
      running.clear();
      stream.end();
    }
  }

  #serve(stream: Stream): void {
    const running = new Map<number, AbortController>();
    this.#open.set(stream, running);
    const close = (): void => {
      this.#open.delete(stream);
      for (const abort of running.values()) abort.abort();
      running.clear();
    };
    stream.on('data', (request: CallsRequest) => {
      const { call, method } = request;
      if (method === '') {
        running.get(call)?.abort();
        running.delete(call);
        return;
      }
      const abort = new AbortController();
      running.set(call, abort);
      void this.#answer(request, abort.signal).then((response) => {
        if (!running.delete(call)) return;
        stream.write(response);
        if (this.#isEnding) this.#endIdle(stream);
      });
    });
    stream.on('cancelled', close);
    stream.on('error', close);
    stream.on('end', () => {
      close();
      stream.end();
    });
  }

  async #answer({ call, method, message }: CallsRequest, signal: AbortSignal): Promise<CallsResponse> {
    try {
      if (this.#isEnding) throw new RpcError('UNAVAILABLE', 'the server is about to end');
      const found = this.#methods.get(method);
      if (found === undefined) throw new RpcError('UNIMPLEMENTED', `no method ${method} is served here`);
      const response = await found.handle(found.decode(Buffer.from(message)), { signal });
      return { call, code: status.OK, details: '', message: found.encode(response) };
    } catch (error) {
      const { code, details } = statusOf(error);
      return { call, code, details, message: Buffer.alloc(0) };
    }
  }

  #endIdle(stream: Stream): void {
    if (this.#open.get(stream)?.size === 0) stream.end();
  }
}
