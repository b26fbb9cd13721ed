import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** Both ends of a connection. */
export interface SocketPair {
  readonly near: Socket;
  readonly far: Socket;
}

/** Connections of the process with itself. They do not keep it running. @throws Error when there can be none. */
export async function socketPairs(count: number): Promise<SocketPair[]> {
  // A name that is no file (unix(7), abstract).
  const path = `\0calico-bgp-${randomUUID()}`;
  const server = createServer().listen(path);
  try {
    await once(server, 'listening');
    const pairs: SocketPair[] = [];
    while (pairs.length < count) {
      const accepted = once(server, 'connection') as Promise<Socket[]>;
      const far = connect(path).unref();
      const [near] = await accepted;
      if (near !== undefined) pairs.push({ near: near.unref(), far });
    }
    return pairs;
  } finally {
    server.close();
  }
}
