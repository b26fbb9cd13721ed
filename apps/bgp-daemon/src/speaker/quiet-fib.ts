import { parseCidr } from '@calico-node/net';
import { RouteSocket } from '@calico-node/netlink';
import type { Fib } from '../fib/fib.ts';
import { RouteWriter } from '../fib/route-writer.ts';
import { quietKernel } from './quiet-kernel.ts';

/** A kernel that takes everything: requests are made, and go nowhere. */
export function quietFib(): Fib {
  const socket = RouteSocket.open({ native: quietKernel() });
  const writer = new RouteWriter(socket);
  return {
    snapshot: () => ({
      routes: [
        {
          destination: parseCidr('192.0.2.0/24'),
          kind: 'unicast',
          gateway: undefined,
          interfaceIndex: 1,
          protocol: 2,
          metric: 0,
          isLinkScope: true,
        },
      ],
      interfaces: new Map([[1, 'warm-up']]),
      addresses: new Set(),
    }),
    apply: (changes, onDone) => {
      void writer.write(changes).then(onDone);
    },
    close: () => {
      socket.close();
    },
  };
}
