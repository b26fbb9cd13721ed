import { credentials, Metadata, type ChannelCredentials, type ClientOptions, type ServiceError } from '@grpc/grpc-js';
import { setTimeout as delay } from 'node:timers/promises';
import { codeFromNumber, isRpcError, RpcError } from './errors.ts';

type ClientConstructor<C> = new (address: string, creds: ChannelCredentials, options?: Partial<ClientOptions>) => C;

/**
 * A client of a service on a unix socket. Nothing is sent before the first call; a server that comes
 * back is reached within a second. The caller closes the client.
 */
export function connectUnix<C>(client: ClientConstructor<C>, socketPath: string): C {
  return new client(`unix:${socketPath}`, credentials.createInsecure(), {
    'grpc.initial_reconnect_backoff_ms': 50,
    'grpc.min_reconnect_backoff_ms': 50,
    'grpc.max_reconnect_backoff_ms': 1000,
    'grpc.enable_http_proxy': 0,
    'grpc.enable_channelz': 0,
  });
}

export interface CallOptions {
  /** How long the call may take, in milliseconds; no limit when absent. */
  readonly timeoutMs?: number;
  /** Wait for the server to come up, within the time limit, instead of failing at once. */
  readonly waitForReady?: boolean;
  /**
   * The call does no harm when it is made twice: while nobody answers or the connection breaks, as when the server is
   * started again, it is made anew until the time limit.
   */
  readonly repeatable?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Between two tries of a repeatable call. */
const retryDelayMs = 50;

interface Cancellable {
  cancel(): void;
}

/** A generated unary method: `client.method.bind(client)`. */
type UnaryMethod<Req, Res> = (
  request: Req,
  metadata: Metadata,
  options: { deadline?: number },
  callback: (error: ServiceError | null, response: Res) => void,
) => Cancellable;

/**
 * Calls a unary method and gives its answer.
 *
 * @throws RpcError with the server's code and message; `DEADLINE_EXCEEDED` past the time limit,
 *   `CANCELLED` when the signal fires, `UNAVAILABLE` when nobody listens.
 */
export async function callUnary<Req, Res>(
  method: UnaryMethod<Req, Res>,
  request: Req,
  options: CallOptions = {},
): Promise<Res> {
  const deadline = options.timeoutMs === undefined ? Infinity : Date.now() + options.timeoutMs;
  for (;;) {
    try {
      return await callOnce(method, request, options, deadline);
    } catch (error) {
      if (options.repeatable !== true || !isRpcError(error, 'UNAVAILABLE') || Date.now() >= deadline) throw error;
      await delay(retryDelayMs);
    }
  }
}

function callOnce<Req, Res>(
  method: UnaryMethod<Req, Res>,
  request: Req,
  options: CallOptions,
  deadline: number,
): Promise<Res> {
  return new Promise<Res>((resolve, reject) => {
    const { signal } = options;
    if (signal?.aborted === true) {
      reject(new RpcError('CANCELLED', 'the call was given up before it began'));
      return;
    }
    const metadata = new Metadata({ waitForReady: options.waitForReady ?? false });
    const call = method(request, metadata, { deadline }, (error, response) => {
      signal?.removeEventListener('abort', onAbort);
      if (error === null) resolve(response);
      else reject(new RpcError(codeFromNumber(error.code), error.details, { cause: error }));
    });
    function onAbort(): void {
      call.cancel();
    }
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
