import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A TCP relay on loopback that a test can stall, cut or heal. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** From now on nothing passes, though connections stay open and new ones are accepted. */
  stall(): void;
  /** Connections that were stalled stay so; new ones pass. */
  heal(): void;
  /** Resets all connections. */
  cut(): void;
  close(): Promise<void>;
}

/** Starts a relay from a loopback port (by default a free one) to a port of a loopback server. */
export async function startTcpProxy(targetPort: number, ownPort = 0): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let stalled = false;
  const track = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  };
  const server = createServer((client) => {
    track(client);
    if (stalled) return;
    const upstream = connect(targetPort, '127.0.0.1');
    track(upstream);
    client.pipe(upstream);
    upstream.pipe(client);
    client.once('close', () => upstream.destroy());
    upstream.once('close', () => client.destroy());
  });
  server.listen(ownPort, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  async function close(): Promise<void> {
    cut();
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    await closed;
  }
  return {
    port: address.port,
    stall: () => {
      stalled = true;
      for (const socket of sockets) {
        socket.unpipe();
        socket.pause();
      }
    },
    heal: () => {
      stalled = false;
    },
    cut,
    close,
    [Symbol.asyncDispose]: close,
  };
}
