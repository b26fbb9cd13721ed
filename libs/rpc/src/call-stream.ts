import type { ClientDuplexStream, MethodDefinition, ServiceError } from '@grpc/grpc-js';
import { connectUnix, type CallOptions } from './client.ts';
import { codeFromNumber, RpcError } from './errors.ts';
import { CallServiceClient, type CallsRequest, type CallsResponse } from './gen/calico/rpc/v1/calls.ts';

type Stream = ClientDuplexStream<CallsRequest, CallsResponse>;

interface Waiting {
  answered(response: CallsResponse): void;
  failed(error: RpcError): void;
}

const none = Buffer.alloc(0);

/**
 * Unary calls to a server on a unix socket over one stream that stays open. A call takes a quarter of the time that
 * one by itself takes, which has to open a stream, with headers and trailers. Nothing is sent before the first call; a
 * server that comes back is reached within a second. The caller closes it.
 */
export class CallStream implements Disposable {
  readonly #client: CallServiceClient;
  readonly #waiting = new Map<number, Waiting>();
  #stream: Stream | undefined;
  #last = 0;

  constructor(socketPath: string) {
    this.#client = connectUnix(CallServiceClient, socketPath);
  }

  /**
   * Calls a method of a service of the server, such as `ipamV1.IpamServiceService.autoAssign`.
   *
   * @throws RpcError with the server's code and message; `DEADLINE_EXCEEDED` past the time limit, `CANCELLED` when the
   *   signal fires, `UNAVAILABLE` when nobody listens or the connection breaks.
   */
  call<Req, Res>(
    method: MethodDefinition<Req, Res>,
    request: Req,
    { timeoutMs, signal }: Pick<CallOptions, 'timeoutMs' | 'signal'> = {},
  ): Promise<Res> {
    return new Promise<Res>((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(new RpcError('CANCELLED', 'the call was given up before it began'));
        return;
      }
      this.#last = (this.#last + 1) >>> 0;
      const call = this.#last;
      const stream = (this.#stream ??= this.#open());
      const done = (): void => {
        this.#waiting.delete(call);
        clearTimeout(timer);
        signal?.removeEventListener('abort', cancel);
      };
      const giveUp = (error: RpcError): void => {
        done();
        stream.write({ call, method: '', message: none });
        reject(error);
      };
      const cancel = (): void => {
        giveUp(new RpcError('CANCELLED', 'the call was given up'));
      };
      const timer =
        timeoutMs === undefined
          ? undefined
          : setTimeout(() => {
              giveUp(new RpcError('DEADLINE_EXCEEDED', `no answer to ${method.path} within ${timeoutMs} ms`));
            }, timeoutMs);
      signal?.addEventListener('abort', cancel, { once: true });
      this.#waiting.set(call, {
        answered: ({ code, details, message }) => {
          done();
          if (code === 0) resolve(method.responseDeserialize(Buffer.from(message)));
          else reject(new RpcError(codeFromNumber(code), details));
        },
        failed: (error) => {
          done();
          reject(error);
        },
      });
      stream.write({ call, method: method.path, message: method.requestSerialize(request) });
    });
  }

  close(): void {
    this.#stream?.cancel();
    this.#client.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #open(): Stream {
    const stream = this.#client.calls();
    stream.on('data', (response: CallsResponse) => {
      this.#waiting.get(response.call)?.answered(response);
    });
    const closed = (error: RpcError): void => {
      if (this.#stream !== stream) return;
      this.#stream = undefined;
      for (const waiting of this.#waiting.values()) waiting.failed(error);
    };
    stream.on('error', (error: ServiceError) => {
      closed(new RpcError(codeFromNumber(error.code), error.details, { cause: error }));
    });
    stream.on('end', () => {
      closed(new RpcError('UNAVAILABLE', 'the server ended'));
    });
    return stream;
  }
}
