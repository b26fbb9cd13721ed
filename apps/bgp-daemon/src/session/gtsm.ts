import type { Socket } from 'node:net';
import type { Family } from '@calico-node/net';
import { loadNative } from '@calico-node/netlink';

/** linux/in.h, linux/in6.h: IPPROTO_IP with IP_MINTTL, IPPROTO_IPV6 with IPV6_MINHOPCOUNT. */
const options = { 4: { level: 0, name: 21 }, 6: { level: 41, name: 73 } } as const;

/** The least TTL that packets from a peer at most `hops` away can arrive with, when it sends 255 (RFC 5082 3). */
export function minimumTtl(hops: number): number {
  return 256 - hops;
}

/** Has the kernel drop what comes on an accepted connection from further away. False: it cannot be told to. */
export function limitHops(socket: Socket, family: Family, hops: number): boolean {
  // Node.js names the descriptor nowhere else.
  const handle: unknown = Reflect.get(socket, '_handle');
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
  if (typeof fd !== 'number' || fd < 0) return false;
  const { level, name } = options[family];
  return loadNative().setsockopt(fd, level, name, new Uint8Array(Int32Array.of(minimumTtl(hops)).buffer)) >= 0;
}
