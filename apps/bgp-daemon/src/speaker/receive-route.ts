import {
  checkImport,
  locateNextHop,
  prependAs,
  receiveInRole,
  type ImportProblem,
  type ImportTarget,
  type PathAttributes,
  type PeerLink,
  type Role,
} from '@calico-node/bgp';
import type { NeighborConfig } from '../config/daemon-config.ts';

/** Who tells of a route. */
export interface Teller {
  readonly config: NeighborConfig;
  /** Ours towards it (RFC 9234). */
  readonly role: Role | undefined;
  /** See `locateNextHop`. */
  readonly link: () => PeerLink | undefined;
}

/** A route as it is taken, or why it must not be used: `leak` by RFC 9234. */
export type Reception =
  | { readonly attributes: PathAttributes; readonly problem?: undefined }
  | { readonly attributes?: undefined; readonly problem: ImportProblem | 'leak' };

/** What a peer's attributes are to this node, before any filter. */
export function receiveRoute(received: PathAttributes, teller: Teller, target: ImportTarget): Reception {
  const { config, role, link } = teller;
  const { address, remoteAs, receivedAs } = config;
  const allowed = role === undefined ? received : receiveInRole(received, role, remoteAs);
  if (allowed === 'leak') return { problem: 'leak' };
  const located = locateNextHop(allowed, { address, external: target.external }, link);
  if (located === undefined) return { problem: 'no-next-hop' };
  const problem = checkImport(located, target);
  if (problem !== undefined) return { problem };
  // RFC 7705: as if it had gone through the AS that we are to this peer.
  return {
    attributes: receivedAs === undefined ? located : { ...located, asPath: prependAs(located.asPath, receivedAs) },
  };
}
