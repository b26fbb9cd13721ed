import { setLink } from './route/link-requests.ts';
import { RouteSocket } from './route/route-socket.ts';
import { unshareNetns } from './netns.ts';

/**
 * Moves this process into a network namespace of its own, for good, with a loopback that is up: sockets, sysctls and
 * child processes from now on are in it, and the kernel removes it with the process. For tests: vitest runs each file
 * in a process of its own (pool `forks`), so nothing else is affected.
 *
 * @throws SyscallError or NetlinkError when the kernel refuses
 */
export function isolateNetwork(): void {
  unshareNetns();
  using socket = RouteSocket.open();
  socket.apply([setLink({ name: 'lo', up: true })]);
}
