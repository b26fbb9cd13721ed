import type { Family } from '@calico-node/net';

/** What the meaning of an UPDATE depends on, agreed in the OPENs. */
export interface UpdateContext {
  /** Both sides use four-octet AS numbers (RFC 6793). */
  readonly as4: boolean;
  /** The peer is in another AS. */
  readonly external: boolean;
  /** The address families of the session. */
  readonly families: readonly Family[];
  /** Families in which the peer sends path identifiers (RFC 7911). */
  readonly addPath: readonly Family[];
  /** Routes of IPv4 may come with next hops of IPv6 (RFC 8950). */
  readonly extendedNextHop?: boolean;
}
