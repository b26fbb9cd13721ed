import type { Link } from '@calico-node/netlink';

/** Bytes that an encapsulation adds to a packet. */
export const overhead = { ipip: 20, vxlan4: 50, vxlan6: 70, wireguard4: 60, wireguard6: 80 } as const;

export type Encapsulation = keyof typeof overhead;

/** What is configured for each kind of tunnel; 0: what fits the host's interfaces. */
export type TunnelMtus = Readonly<Record<Encapsulation, number>>;

const tunnelKinds: ReadonlySet<string | undefined> = new Set(['ipip', 'vxlan', 'wireguard']);

/** The interfaces that lead out of the host (MTUIfacePattern). The tunnels' own devices are none of them. */
export function leadsOut({ name, kind }: Pick<Link, 'name' | 'kind'>, pattern: RegExp): boolean {
  return !tunnelKinds.has(kind) && pattern.test(name);
}

/** The smallest MTU of the interfaces that lead out of the host; `undefined` when there are none. */
export function hostMtu(links: readonly Link[], pattern: RegExp): number | undefined {
  const mtus = links.filter((link) => leadsOut(link, pattern)).map(({ mtu }) => mtu);
  return mtus.length === 0 ? undefined : Math.min(...mtus);
}

/** @param configured 0: what fits the host's interfaces. */
export function tunnelMtu(kind: Encapsulation, configured: number, host: number): number {
  return configured === 0 ? host - overhead[kind] : configured;
}

/** What workloads' interfaces may have, so that their packets fit every tunnel that there is. */
export function workloadMtu(kinds: readonly Encapsulation[], configured: TunnelMtus, host: number): number {
  return Math.min(host, ...kinds.map((kind) => tunnelMtu(kind, configured[kind], host)));
}
