import type { Session } from '../bgp/report.ts';

export interface BgpFacts {
  readonly sessions: readonly Pick<Session, 'address' | 'state'>[];
  /** A graceful restart of ours is under way. */
  readonly isRestarting: boolean;
  /** How long this start-up is ago. */
  readonly secondsSinceStart: number;
  readonly thresholdSeconds: number;
}

/**
 * Calico's rule for BGP readiness: ready without peers; for the first `thresholdSeconds` after start-up every
 * session has to be Established and no graceful restart under way; later one Established session is enough.
 *
 * @returns why it is not ready; undefined when it is.
 */
export function judgeBgp({ sessions, isRestarting, ...time }: BgpFacts): string | undefined {
  if (sessions.length === 0) return undefined;
  const down = sessions.filter(({ state }) => state !== 'Established');
  const names = down.map(({ address }) => address).join(', ');
  if (time.secondsSinceStart < time.thresholdSeconds) {
    if (down.length > 0) return `BGP not established with ${names}`;
    return isRestarting ? 'BGP graceful restart in progress' : undefined;
  }
  return down.length === sessions.length ? `BGP not established with any peer: ${names}` : undefined;
}
