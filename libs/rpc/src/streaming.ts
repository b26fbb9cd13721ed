import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  Metadata,
  type ClientReadableStream,
  type handleServerStreamingCall,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import { codeFromNumber, RpcError, statusOf } from './errors.ts';

/**
 * A handler of a server-streaming method from a function that gives its answers, which are made as fast as the caller
 * takes them, one for each turn of the event loop. An {@link RpcError} keeps its code; anything else that is thrown is
 * answered as INTERNAL with its message.
 */
export function streaming<Req, Res>(handle: (request: Req) => Iterable<Res>): handleServerStreamingCall<Req, Res> {
  return (call) => {
    send(handle, call).catch((error: unknown) => {
      call.emit('error', statusOf(error));
    });
  };
}

async function send<Req, Res>(
  handle: (request: Req) => Iterable<Res>,
  call: ServerWritableStream<Req, Res>,
): Promise<void> {
  for (const answer of handle(call.request)) {
    if (call.cancelled) return;
    const isTaken = call.write(answer);
    if (isTaken) await nextTurn();
    else await Promise.race([once(call, 'drain'), once(call, 'cancelled')]);
  }
  call.end();
}

/** A generated server-streaming method: `client.method.bind(client)`. */
type StreamingMethod<Req, Res> = (
  request: Req,
  metadata: Metadata,
  options: { deadline?: number },
) => ClientReadableStream<Res>;

/**
 * Calls a server-streaming method and gives its answers as they come. Who stops early has the call cancelled.
 *
 * @throws RpcError as `callUnary` does.
 */
export async function* callStreaming<Req, Res>(
  method: StreamingMethod<Req, Res>,
  request: Req,
  options: { readonly timeoutMs?: number } = {},
): AsyncGenerator<Res> {
  const deadline = options.timeoutMs === undefined ? Infinity : Date.now() + options.timeoutMs;
  const call = method(request, new Metadata(), { deadline });
  try {
    for await (const answer of call as AsyncIterable<Res>) yield answer;
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'number') throw error;
    const details = 'details' in error && typeof error.details === 'string' ? error.details : error.message;
    throw new RpcError(codeFromNumber(error.code), details, { cause: error });
  } finally {
    call.cancel();
  }
}
