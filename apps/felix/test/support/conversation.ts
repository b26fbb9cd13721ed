import { once } from 'node:events';
import { createServer, Socket } from 'node:net';
import { familyOf } from '@calico-node/net';
import { inNetns, openTcpSocket } from '@calico-node/netlink';
import { runIn } from './node-lab.ts';

/** Answers on port 80 of a namespace with what it gets. */
export async function serveEcho(netns: string): Promise<Disposable> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  inNetns(netns, () => {
    server.listen(80);
  });
  await once(server, 'listening');
  return {
    [Symbol.dispose]: () => {
      server.close();
    },
  };
}

/** A connection from a namespace to who answers so. */
export async function connectTo(netns: string, to: string): Promise<Socket> {
  const fd = openTcpSocket({ family: familyOf(to), netns });
  // No type of Node.js's names manualStart: not to read before it is connected.
  const options = { fd, readable: true, writable: true, manualStart: true };
  const socket = new Socket(options);
  socket.on('error', () => undefined);
  socket.connect(80, to);
  await once(socket, 'connect', { signal: AbortSignal.timeout(20_000) });
  return socket;
}

/** Counts what the forward hook of a node sees of a family, `ip` or `ip6`. */
export function countForwarded(netns: string, family = 'ip'): () => number {
  const rules = `table ${family} probe { chain f { type filter hook forward priority 0; counter; }; }`;
  runIn(netns, 'nft', rules);
  return () => Number(/counter packets (\d+)/.exec(runIn(netns, 'nft', 'list', 'table', family, 'probe'))?.[1]);
}

/** Sends words, each after the echo of the one before; gives how many packets the chains saw of it. */
export async function talk(socket: Socket, passed: () => number, words = 50): Promise<number> {
  const before = passed();
  for (let word = 0; word < words; word++) {
    const answer = once(socket, 'data', { signal: AbortSignal.timeout(20_000) });
    socket.write('x');
    await answer;
  }
  return passed() - before;
}
