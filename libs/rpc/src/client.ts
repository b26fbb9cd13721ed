import { createConnection } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { isRpcError } from './errors.ts';
import { GrpcChannel, type ChannelOptions } from './grpc/channel.ts';
import { callStreaming } from './grpc/streaming-call.ts';
import {
  pathOf,
  type MethodDefinition,
  type ServiceClient,
  type ServiceDefinition,
  type StreamingMethod,
  type UnaryCallOptions,
  type UnaryMethod,
} from './service.ts';

/**
 * A client of a service on a unix socket. Nothing is sent before the first call; a server that comes
 * back is reached within a second. The caller closes the client.
 */
export function connectUnix<D extends ServiceDefinition>(
  definition: D,
  socketPath: string,
  options: Pick<ChannelOptions, 'onLost'> = {},
): ServiceClient<D> {
  const connect = () => createConnection(socketPath);
  const channel = new GrpcChannel({ ...options, connect, authority: 'localhost' });
  return clientOf(definition, channel);
}

/** A client of a service on a channel; closing the one closes the other. */
export function clientOf<D extends ServiceDefinition>(definition: D, channel: GrpcChannel): ServiceClient<D> {
  const methods = Object.entries(definition.methods).map(
    ([key, method]) => [key, methodOn(channel, pathOf(definition, method), method)] as const,
  );
  const client: unknown = {
    ...Object.fromEntries(methods),
    close: () => {
      channel.close();
    },
  };
  // Each method has just been made as its definition says.
  return client as ServiceClient<D>;
}

function methodOn(
  channel: GrpcChannel,
  path: string,
  { requestType, responseType, responseStream }: MethodDefinition,
): UnaryMethod<unknown, unknown> | StreamingMethod<unknown, unknown> {
  if (responseStream) {
    return async function* (request: unknown) {
      const messages = callStreaming(channel, path, requestType.encode(request).finish());
      for await (const message of messages) yield responseType.decode(message);
    };
  }
  return async (request: unknown, { timeoutMs, ...options }: UnaryCallOptions = {}) => {
    const deadline = timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
    const bytes = requestType.encode(request).finish();
    return responseType.decode(await channel.unary(path, bytes, { ...deadline, ...options }));
  };
}

export interface CallOptions extends UnaryCallOptions {
  /**
   * The call does no harm when it is made twice: while nobody answers or the connection breaks, as when the server is
   * started again, it is made anew until the time limit.
   */
  readonly repeatable?: boolean;
}

/** Between two tries of a repeatable call. */
const retryDelayMs = 50;

/**
 * Calls a unary method and gives its answer.
 *
 * @throws RpcError with the server's code and message; `DEADLINE_EXCEEDED` past the time limit,
 *   `CANCELLED` when the signal fires, `UNAVAILABLE` when nobody listens.
 */
export async function callUnary<Req, Res>(
  method: UnaryMethod<Req, Res>,
  request: Req,
  { repeatable = false, ...options }: CallOptions = {},
): Promise<Res> {
  const { timeoutMs } = options;
  const deadline = timeoutMs === undefined ? Infinity : Date.now() + timeoutMs;
  for (let left: number | undefined = timeoutMs; ; left = deadline - Date.now()) {
    try {
      return await method(request, left === undefined || left === Infinity ? options : { ...options, timeoutMs: left });
    } catch (error) {
      if (!repeatable || !isRpcError(error, 'UNAVAILABLE') || Date.now() >= deadline) throw error;
      await delay(retryDelayMs);
    }
  }
}
