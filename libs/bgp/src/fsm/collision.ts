import type { StateName } from './fsm.ts';

export interface CollisionInput {
  /** The other connection's state and who opened it. */
  readonly existing: {
    readonly state: StateName;
    readonly initiator: 'local' | 'remote';
    readonly establishedMs: number;
  };
  /** Who opened the connection on which the OPEN has just come. */
  readonly initiator: 'local' | 'remote';
  readonly local: { readonly routerId: number; readonly asn: number };
  readonly remote: { readonly routerId: number; readonly asn: number };
  /** The existing session has agreed on graceful restart. */
  readonly gracefulRestart: boolean;
  /** The R bit of the OPEN that has just come: the peer says that it has restarted. */
  readonly restarted: boolean;
}

/**
 * - `keep-both`: no collision.
 * - `drop-new`, `drop-existing`: the loser gets `collision-dump`.
 * - `replace-existing`: the existing session is dead though TCP has not noticed; it ends as a TCP failure would.
 */
export type CollisionVerdict = 'keep-both' | 'drop-new' | 'drop-existing' | 'replace-existing';

/** Connections that cross each other do so within this time; a later one means that the peer has restarted. */
const crossingMs = 5000;

/** Connection collision detection (RFC 4271 6.8, RFC 6286 2.3 for equal identifiers, RFC 4724 5 for restarts). */
export function resolveCollision(input: CollisionInput): CollisionVerdict {
  const { existing } = input;
  if (existing.state === 'Established') {
    // RFC 4724 5: with graceful restart, a new connection means that the old one has failed.
    if (input.gracefulRestart && (input.restarted || existing.establishedMs > crossingMs)) return 'replace-existing';
    return 'drop-new';
  }
  if (existing.state !== 'OpenConfirm' && existing.state !== 'OpenSent') return 'keep-both';
  // Both from the same side cannot cross: the older one is a leftover.
  if (existing.initiator === input.initiator) return 'drop-existing';
  const survivor = winner(input);
  return survivor === input.initiator ? 'drop-existing' : 'drop-new';
}

/** The side whose connection stays: the higher BGP Identifier, at equality the larger AS number. */
function winner({ local, remote }: CollisionInput): 'local' | 'remote' {
  if (local.routerId !== remote.routerId) return local.routerId > remote.routerId ? 'local' : 'remote';
  return local.asn > remote.asn ? 'local' : 'remote';
}
