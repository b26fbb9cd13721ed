import type { Link } from '@calico-node/netlink';

/** Bytes that an encapsulation adds to a packet. */
export const overhead = { ipip: 20, vxlan4: 50, vxlan6: 70 } as const;

/**
 * The smallest MTU of the interfaces that lead out of the host (MTUIfacePattern); `undefined` when none matches. The
 * tunnels' own devices are none of them.
 */
export function hostMtu(links: readonly Link[], pattern: RegExp): number | undefined {
  const mtus = links.filter(({ name, kind }) => kind !== 'vxlan' && pattern.test(name)).map(({ mtu }) => mtu);
  return mtus.length === 0 ? undefined : Math.min(...mtus);
}
