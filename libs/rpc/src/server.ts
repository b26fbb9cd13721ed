import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { RpcError } from './errors.ts';
import { ServerCall, type ServeMethod } from './grpc/server-call.ts';
import { Http2Connection } from './http2/connection.ts';
import {
  pathOf,
  type MethodDefinition,
  type ServiceDefinition,
  type ServiceHandlers,
  type StreamingHandler,
  type UnaryHandler,
} from './service.ts';

/** How long running calls may take when the server stops, in milliseconds. */
const stopLimitMs = 1000;

/** A handler of one answer, with its types. */
export function unary<Req, Res>(handle: UnaryHandler<Req, Res>): UnaryHandler<Req, Res> {
  return handle;
}

export interface RunningServer extends AsyncDisposable {
  /** Stops taking calls, lets running ones end for up to a second, then closes the socket. */
  close(): Promise<void>;
}

/** Services, each with what serves it; a method that nothing serves is UNIMPLEMENTED. */
export type ServedServices<D extends readonly ServiceDefinition[]> = {
  readonly [I in keyof D]: readonly [definition: D[I], handlers: Partial<ServiceHandlers<D[I]>>];
};

type Handler = UnaryHandler<unknown, unknown> | StreamingHandler<unknown, unknown>;
type AnyService = readonly [definition: ServiceDefinition, handlers: Readonly<Record<string, Handler>>];

/** Whether somebody listens on a unix socket. */
function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => {
      resolve(false);
    });
  });
}

function methodsOf(services: readonly AnyService[]): ReadonlyMap<string, ServeMethod> {
  const methods = new Map<string, ServeMethod>();
  for (const [definition, handlers] of services) {
    for (const [key, method] of Object.entries(definition.methods)) {
      const handle = handlers[key];
      if (handle !== undefined) methods.set(pathOf(definition, method), serveMethod(method, handle));
    }
  }
  return methods;
}

/** The definition says of which kind the handler is; `ServedServices` sees to that. */
function serveMethod({ requestType, responseType, responseStream }: MethodDefinition, handler: Handler): ServeMethod {
  if (responseStream) {
    const handle = handler as StreamingHandler<unknown, unknown>;
    return async function* (request, signal) {
      for await (const message of handle(requestType.decode(request), { signal })) {
        yield responseType.encode(message).finish();
        // Others have their turn between two messages.
        await nextTurn();
      }
    };
  }
  const handle = handler as UnaryHandler<unknown, unknown>;
  return async (request, signal) => responseType.encode(await handle(requestType.decode(request), { signal })).finish();
}

/**
 * Serves gRPC on a unix socket with the given file mode, in a directory that is made where it is missing.
 * A socket file that a dead process left is replaced; a live one is an error.
 *
 * @throws RpcError `ALREADY_EXISTS` when another process serves on the path.
 */
export async function serveUnix<const D extends readonly ServiceDefinition[]>(
  path: string,
  services: ServedServices<D>,
  mode = 0o660,
): Promise<RunningServer> {
  if (await isAlive(path)) {
    throw new RpcError('ALREADY_EXISTS', `another process already serves on ${path}`);
  }
  mkdirSync(dirname(path), { recursive: true });
  rmSync(path, { force: true });
  const methods = methodsOf(services as readonly AnyService[]);
  const connections = new Set<Http2Connection>();
  const accept = (socket: Socket): void => {
    const connection = new Http2Connection(socket, 'server', {
      onStream: (stream) => new ServerCall(stream, (method) => methods.get(method)),
      onClose: () => {
        connections.delete(connection);
      },
    });
    connections.add(connection);
  };
  const server = createServer(accept);
  const mask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ path, backlog: 511 }, () => {
        server.removeListener('error', reject);
        resolve();
      });
    });
  } finally {
    process.umask(mask);
  }
  chmodSync(path, mode);
  async function close(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        for (const connection of connections) connection.destroy();
      }, stopLimitMs);
      server.close(() => {
        clearTimeout(timer);
        resolve();
      });
      for (const connection of connections) connection.leave();
    });
    rmSync(path, { force: true });
  }
  return { close, [Symbol.asyncDispose]: close };
}
