import type { IpAddress } from '@calico-node/net';
import type { AsPath } from './as-path.ts';

/** RFC 4271 5.1.1, in the order of preference. */
export type Origin = 'IGP' | 'EGP' | 'Incomplete';

export const origins: readonly Origin[] = ['IGP', 'EGP', 'Incomplete'];

/** RFC 8092 3: global administrator and two parts of local data. */
export type LargeCommunity = readonly [number, number, number];

/** An optional transitive attribute that we pass on without knowing it (RFC 4271 5). */
export interface UnknownAttribute {
  readonly code: number;
  readonly flags: number;
  readonly value: Uint8Array;
}

/** What a route carries (RFC 4271 5), without prefixes. Frozen by convention: shared by many routes. */
export interface PathAttributes {
  readonly origin: Origin;
  readonly asPath: AsPath;
  /** From NEXT_HOP or MP_REACH_NLRI (RFC 4760 3). */
  readonly nextHop?: IpAddress | undefined;
  /** The second address of an IPv6 next hop (RFC 2545 3). */
  readonly linkLocalNextHop?: IpAddress | undefined;
  /** The interface over which the next hop's link-local address is used. Never on the wire. */
  readonly linkInterface?: string | undefined;
  readonly med?: number | undefined;
  readonly localPref?: number | undefined;
  readonly atomicAggregate?: boolean | undefined;
  readonly aggregator?: { readonly asn: number; readonly address: number } | undefined;
  /** RFC 1997: two octets of AS number, two of value, as one number. */
  readonly communities?: readonly number[] | undefined;
  /** RFC 4360: eight octets each. */
  readonly extendedCommunities?: readonly bigint[] | undefined;
  readonly largeCommunities?: readonly LargeCommunity[] | undefined;
  /** RFC 4456 8. */
  readonly originatorId?: number | undefined;
  readonly clusterList?: readonly number[] | undefined;
  /** ONLY_TO_CUSTOMER: the AS that marked the route (RFC 9234 5). */
  readonly onlyToCustomer?: number | undefined;
  readonly unknown?: readonly UnknownAttribute[] | undefined;
  /** The route's metric in the kernel, where it has one of its own. Never on the wire. */
  readonly priority?: number | undefined;
}

/** Attribute type codes, IANA registry. */
export const attributeCode = {
  origin: 1,
  asPath: 2,
  nextHop: 3,
  med: 4,
  localPref: 5,
  atomicAggregate: 6,
  aggregator: 7,
  communities: 8,
  originatorId: 9,
  clusterList: 10,
  mpReach: 14,
  mpUnreach: 15,
  extendedCommunities: 16,
  as4Path: 17,
  as4Aggregator: 18,
  ipv6ExtendedCommunities: 25,
  largeCommunities: 32,
  onlyToCustomer: 35,
} as const;

/** Flag bits (RFC 4271 4.3). */
export const attributeFlag = { optional: 0x80, transitive: 0x40, partial: 0x20, extendedLength: 0x10 } as const;
