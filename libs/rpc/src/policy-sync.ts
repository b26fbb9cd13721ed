/** How Felix tells proxies of their pod's policy. Rare, so that it has an entry point of its own. */
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { Server, ServerCredentials, type ServerWritableStream } from '@grpc/grpc-js';
import {
  PolicySyncService,
  type PolicySyncServer,
  type SyncRequest,
  type ToDataplane,
} from './gen/felix/policysync.ts';
import type { RunningServer } from './server.ts';

export * from './gen/felix/policysync.ts';

/** One proxy's call: what it is told is written to it. */
export type PolicySyncCall = ServerWritableStream<SyncRequest, ToDataplane>;

/** A proxy needs one; what is more comes of its restarts. */
const MAX_CONNECTIONS = 8;
/** Requests say nothing. */
const MAX_REQUEST_BYTES = 1024;

/**
 * Serves the API on a unix socket that anyone may use who can reach it, since nobody knows the pod's users. Whatever was at
 * the path goes. The directory is the pod's as well, which must not matter: no step follows a link that it puts there.
 *
 * @throws the system's error where the socket cannot be made.
 */
export async function servePolicySync(path: string, onSync: (call: PolicySyncCall) => void): Promise<RunningServer> {
  const server = new Server({
    'grpc.enable_channelz': 0,
    'grpc.max_concurrent_streams': MAX_CONNECTIONS,
    'grpc.max_receive_message_length': MAX_REQUEST_BYTES,
  });
  const service: PolicySyncServer = { sync: onSync };
  server.addService(PolicySyncService, service);
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const listener = createServer((connection) => {
    injector.injectConnection(connection);
  });
  listener.maxConnections = MAX_CONNECTIONS;
  rmSync(path, { force: true });
  const listening = once(listener, 'listening');
  // The mode is there from the first: it is not set on the path later, where something else may be by then.
  const mask = process.umask(0);
  try {
    listener.listen(path);
  } finally {
    process.umask(mask);
  }
  await listening;
  async function close(): Promise<void> {
    const closed = once(listener, 'close');
    listener.close();
    server.forceShutdown();
    await closed;
  }
  return { close, [Symbol.asyncDispose]: close };
}
