/** What may speak BGP on a node: our own daemon, or the distribution's BIRD 2 with files that confd writes. */
export const bgpBackends = ['native', 'bird'] as const;

export type BgpBackend = (typeof bgpBackends)[number];

/**
 * What a node's environment says of it: CALICO_BGP_BACKEND where it is set, else CALICO_NETWORKING_BACKEND, of which
 * `bird` is BIRD as in Calico and `native` our own daemon. Undefined where neither says, so where our own daemon runs
 * by default, and where there is no BGP (`vxlan`, `none`). CALICO_BGP_BACKEND is given as it is: its reader says what
 * is allowed.
 */
export function bgpBackendOf(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const bgp = env['CALICO_BGP_BACKEND'] ?? '';
  if (bgp !== '') return bgp;
  const networking = env['CALICO_NETWORKING_BACKEND'];
  return networking === 'bird' || networking === 'native' ? networking : undefined;
}
