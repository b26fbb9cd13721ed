import { familyOf, tryParseIp, type Family } from '@calico-node/net';
import { bgpV1 } from '@calico-node/rpc';

export interface BgpFacts {
  readonly peers: readonly Pick<bgpV1.Peer, 'address' | 'state'>[];
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
export function judgeBgp(facts: BgpFacts, family: Family): string | undefined {
  const peers = facts.peers.filter((peer) => {
    const ip = tryParseIp(peer.address);
    return ip !== undefined && familyOf(ip) === family;
  });
  if (peers.length === 0) return undefined;
  const down = peers.filter((peer) => peer.state !== bgpV1.SessionState.ESTABLISHED);
  const names = down.map((peer) => peer.address).join(', ');
  if (facts.secondsSinceStart < facts.thresholdSeconds) {
    if (down.length > 0) return `BGP not established with ${names}`;
    return facts.isRestarting ? 'BGP graceful restart in progress' : undefined;
  }
  return down.length === peers.length ? `BGP not established with any peer: ${names}` : undefined;
}
