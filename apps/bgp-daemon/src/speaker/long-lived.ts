import type { Session } from '@calico-node/bgp';
import type { Family } from '@calico-node/net';

/** How long a peer's stale routes are kept beyond its restart. */
export interface LongLived {
  /** Of the others nothing is. */
  readonly families: readonly Family[];
  readonly seconds: number;
}

/** RFC 9494 4.2: the shortest of what the peer says for those families of the session that it names, and what is configured. */
export function longLivedOf(session: Session | undefined, configured = 0): LongLived {
  const times = new Map(session?.longLivedRestart.map(({ family, staleSeconds }) => [family, staleSeconds]));
  const timeOf = (family: Family): number => times.get(family) ?? 0;
  const families = configured === 0 ? [] : (session?.families.filter((family) => timeOf(family) > 0) ?? []);
  return { families, seconds: families.length === 0 ? 0 : Math.min(configured, ...families.map(timeOf)) };
}
