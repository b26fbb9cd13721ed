import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { dirname } from 'node:path';
import {
  Server,
  ServerCredentials,
  type handleUnaryCall,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { CallService, type Handle } from './call-service.ts';
import { RpcError, statusOf } from './errors.ts';

export interface UnaryContext {
  /** Fires when the caller gives up or its deadline passes. */
  readonly signal: AbortSignal;
}

/** A unary method's handler, which {@link CallService} calls without gRPC's call. */
type UnaryHandler<Req, Res> = handleUnaryCall<Req, Res> & { readonly handle: Handle };

/**
 * A unary handler from an async function. An {@link RpcError} keeps its code; anything else is
 * answered as INTERNAL with its message.
 */
export function unary<Req, Res>(
  handle: (request: Req, context: UnaryContext) => Promise<Res> | Res,
): UnaryHandler<Req, Res> {
  const handler: handleUnaryCall<Req, Res> = (call, callback) => {
    const abort = new AbortController();
    let isAnswered = false;
    call.on('cancelled', () => {
      // Every stream that ends says so, an answered one too.
      if (!isAnswered) abort.abort();
    });
    Promise.resolve()
      .then(() => handle(call.request, { signal: abort.signal }))
      .then(
        (response) => {
          isAnswered = true;
          callback(null, response);
        },
        (error: unknown) => {
          callback(statusOf(error));
        },
      );
  };
  return Object.assign(handler, { handle: handle as Handle });
}

function handleOf(implementation: unknown): Handle | undefined {
  return (implementation as Partial<UnaryHandler<unknown, unknown>> | undefined)?.handle;
}

/** The service's methods, with what ends each call of a unary one that is not answered yet in `ends`. */
function endable(
  definition: ServiceDefinition,
  implementation: UntypedServiceImplementation,
  ends: Set<() => void>,
): UntypedServiceImplementation {
  const methods: UntypedServiceImplementation = {};
  for (const name of Object.keys(definition)) {
    const method = implementation[name];
    if (method === undefined) continue;
    if (handleOf(method) === undefined) {
      methods[name] = method.bind(implementation);
      continue;
    }
    const serve = method as handleUnaryCall<unknown, unknown>;
    const unaryMethod: handleUnaryCall<unknown, unknown> = (call, callback) => {
      const end = (): void => {
        if (ends.delete(end)) callback(statusOf(new RpcError('UNAVAILABLE', 'the server has ended')));
      };
      ends.add(end);
      call.on('cancelled', () => ends.delete(end));
      serve(call, (...answer) => {
        if (ends.delete(end)) callback(...answer);
      });
    };
    methods[name] = unaryMethod;
  }
  return methods;
}

export interface RunningServer extends AsyncDisposable {
  /**
   * Stops taking calls, lets running ones end for up to a second, then closes the socket. Unary calls that are not
   * answered by then fail with UNAVAILABLE, and their handlers' signals fire.
   */
  close(): Promise<void>;
}

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

/**
 * Serves gRPC on a unix socket with the given file mode, in a directory that is made where it is missing.
 * A socket file that a dead process left is replaced; a live one is an error.
 *
 * @throws RpcError `ALREADY_EXISTS` when another process serves on the path.
 */
export async function serveUnix(
  path: string,
  services: readonly (readonly [ServiceDefinition, UntypedServiceImplementation])[],
  mode = 0o660,
): Promise<RunningServer> {
  if (await isAlive(path)) {
    throw new RpcError('ALREADY_EXISTS', `another process already serves on ${path}`);
  }
  mkdirSync(dirname(path), { recursive: true });
  rmSync(path, { force: true });
  const server = new Server({ 'grpc.enable_channelz': 0 });
  const calls = new CallService();
  const ends = new Set<() => void>();
  server.addService(calls.definition, calls.implementation);
  for (const [definition, implementation] of services) {
    server.addService(definition, endable(definition, implementation, ends));
    calls.add(definition, (name) => handleOf(implementation[name]));
  }
  const mask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  } finally {
    process.umask(mask);
  }
  chmodSync(path, mode);
  async function close(): Promise<void> {
    calls.end();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        calls.abandon();
        for (const end of ends) end();
        server.forceShutdown();
        resolve(); // without waiting for calls that their handlers never answer
      }, 1000);
      server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    rmSync(path, { force: true });
  }
  return { close, [Symbol.asyncDispose]: close };
}
