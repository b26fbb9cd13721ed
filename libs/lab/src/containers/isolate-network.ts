import { loadNative, RouteSocket, setLink } from '@calico-node/netlink';

const CLONE_NEWNET = 0x40000000;

/**
 * Moves this test process into a network namespace of its own, for good: sockets, sysctls and child processes
 * from now on are in it, and the kernel removes it with the process. vitest runs each file in a process of its
 * own (pool `forks`), so nothing else is affected.
 */
export function isolateNetwork(): void {
  const result = loadNative().unshare(CLONE_NEWNET);
  if (result < 0) throw new Error(`unshare: errno ${-result}`);
  using socket = RouteSocket.open();
  socket.apply([setLink({ name: 'lo', up: true })]);
}
