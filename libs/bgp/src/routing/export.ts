/** What a route looks like to a peer, and whether it may go there at all: RFC 4271 9.2, RFC 4456, RFC 1997. */
import { familyOf, ipToBytes, type IpAddress } from '@calico-node/net';
import { u16 } from '../wire/bytes.ts';
import type { Role } from '../wire/capability.ts';
import { prependAs, type AsPath } from '../wire/as-path.ts';
import type { PathAttributes } from '../wire/path-attributes.ts';
import { hasPlainValue, type PlainAttributes } from '../wire/plain-attributes.ts';
import { addressNumber, type RewritePlan } from '../wire/rewrite-attributes.ts';
import { isTransitive, wellKnownCommunity } from './communities.ts';
import { defaultLocalPref } from './decision.ts';
import { isLongLivedStale } from './long-lived.ts';
import { isLinkLocal } from './next-hop.ts';
import { applyOperations, type RouteOperation } from './operations.ts';
import { isKeptInRole, isMarkedInRole } from './roles.ts';
import type { RouteSource } from './route-source.ts';

export type NextHopMode = 'auto' | 'self' | 'keep';

/** What the sessions of one update group have in common. */
export interface ExportTarget {
  readonly external: boolean;
  readonly localAs: number;
  /** Stands behind `localAs` in paths (RFC 7705). */
  readonly globalAs?: number | undefined;
  readonly routerId: number;
  /** The next hop that stands for this node. */
  readonly selfAddress: IpAddress;
  /** Its address on the link to the peer, which goes beside a next hop of IPv6 (RFC 2545 3). */
  readonly selfLinkLocal?: IpAddress | undefined;
  readonly nextHopMode: NextHopMode;
  readonly client: boolean;
  /** RFC 4456 8; the router id unless configured. */
  readonly clusterId: number;
  /** We are a route server to it: what another AS has told reaches it as if that AS had told it (RFC 7947 2.2). */
  readonly isRouteServerClient?: boolean;
  /** Routes of IPv4 need a next hop of IPv4, because the peer takes no other (RFC 8950 4). */
  readonly needsIpv4NextHop?: boolean;
  /** The peer knows what long-lived stale routes are (RFC 9494 4.3). */
  readonly takesStale?: boolean;
  /** Ours towards the peer (RFC 9234). */
  readonly role?: Role | undefined;
  /** No peer, but somebody who looks at the Loc-RIB: all routes, as they are. */
  readonly isMonitor?: boolean;
}

/** What of a route's attributes decides how far it may go. */
export interface ExportTraits {
  readonly spread: Spread;
  readonly isLongLivedStale: boolean;
  /** It carries ONLY_TO_CUSTOMER. */
  readonly isOnlyToCustomer: boolean;
  /** Its LOCAL_PREF is above the usual one. */
  readonly isPreferred: boolean;
}

export type ExportProblem = 'no-advertise' | 'no-export' | 'not-reflected' | 'stale' | 'only-to-customer';

/** How far a route may go by its well-known communities (RFC 1997). */
type Spread = 'anywhere' | 'own-as' | 'nowhere';

function spreadOf(communities: readonly number[] | undefined): Spread {
  if (communities === undefined) return 'anywhere';
  if (communities.includes(wellKnownCommunity.noAdvertise)) return 'nowhere';
  const { noExport, noExportSubconfed } = wellKnownCommunity;
  return communities.includes(noExport) || communities.includes(noExportSubconfed) ? 'own-as' : 'anywhere';
}

const unmarked: ExportTraits = {
  spread: 'anywhere',
  isLongLivedStale: false,
  isOnlyToCustomer: false,
  isPreferred: false,
};
const preferred: ExportTraits = { ...unmarked, isPreferred: true };

export function traitsOf({ communities, onlyToCustomer, localPref = defaultLocalPref }: PathAttributes): ExportTraits {
  return {
    spread: spreadOf(communities),
    isLongLivedStale: isLongLivedStale(communities),
    isOnlyToCustomer: onlyToCustomer !== undefined,
    isPreferred: localPref > defaultLocalPref,
  };
}

/** `traitsOf` a plain attribute list. */
export function plainTraits(
  bytes: Uint8Array,
  { communitiesStart: start, communitiesEnd: end, localPref }: PlainAttributes,
): ExportTraits {
  const isPreferred = localPref > defaultLocalPref;
  if (!hasWellKnown(bytes, start, end)) return isPreferred ? preferred : unmarked;
  return markedTraits(bytes, start, end, isPreferred);
}

/** Whether one of the communities is in the range of well-known ones (RFC 1997 2). */
function hasWellKnown(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at += 4) if (u16(bytes, at) === 0xffff) return true;
  return false;
}

function markedTraits(bytes: Uint8Array, start: number, end: number, isPreferred: boolean): ExportTraits {
  const has = (community: number): boolean => hasPlainValue(bytes, start, end, community);
  const { noAdvertise, noExport, noExportSubconfed, longLivedStale } = wellKnownCommunity;
  const spread = has(noAdvertise) ? 'nowhere' : has(noExport) || has(noExportSubconfed) ? 'own-as' : 'anywhere';
  return { spread, isLongLivedStale: has(longLivedStale), isOnlyToCustomer: false, isPreferred };
}

/** Why routes from the source must not go to the target whatever policy says; `undefined` when they may. */
export function checkExport(
  source: RouteSource,
  { spread, isLongLivedStale: isStale, isOnlyToCustomer }: ExportTraits,
  target: ExportTarget,
): ExportProblem | undefined {
  if (target.isMonitor === true) return undefined;
  if (spread === 'nowhere') return 'no-advertise';
  if (isStale && target.takesStale !== true) return 'stale';
  if (isOnlyToCustomer && target.role !== undefined && isKeptInRole(target.role)) return 'only-to-customer';
  if (target.external) return spread === 'own-as' ? 'no-export' : undefined;
  // RFC 4271 9.2: from an internal peer to an internal peer only by reflection (RFC 4456 6).
  const mayGo = source.kind !== 'bgp' || source.external || source.client || target.client;
  return mayGo ? undefined : 'not-reflected';
}

/** RFC 7947 2.2: neither our AS nor our address shows in it, and its MED stays. What this AS tells itself is not meant. */
function isHandedOn(source: RouteSource, { isRouteServerClient }: ExportTarget): boolean {
  return isRouteServerClient === true && source.kind === 'bgp' && source.external;
}

/** RFC 4456 8: a client's cluster, then that of the client that is told; one of them at least is one. Nearest first. */
function clustersOf(source: RouteSource, { client, clusterId }: ExportTarget): readonly number[] {
  const from = source.kind === 'bgp' && source.client ? (source.clusterId ?? clusterId) : clusterId;
  return client && from !== clusterId ? [clusterId, from] : [from];
}

function prependOwn(path: AsPath, { localAs, globalAs }: ExportTarget): AsPath {
  return prependAs(globalAs === undefined ? path : prependAs(path, globalAs), localAs);
}

function isSelfNextHop(source: RouteSource, attributes: PathAttributes, target: ExportTarget): boolean {
  if (source.kind !== 'bgp' || attributes.nextHop === undefined) return true;
  if (target.needsIpv4NextHop === true && familyOf(attributes.nextHop) === 6) return true;
  // It means nothing to who is not on that link.
  if (isLinkLocal(attributes.nextHop)) return true;
  if (target.nextHopMode === 'auto') return target.external && !isHandedOn(source, target);
  return target.nextHopMode === 'self';
}

/** The attributes that the target gets for a route, once policy has changed it by the operations. */
export function exportAttributes(
  source: RouteSource,
  original: PathAttributes,
  target: ExportTarget,
  operations: readonly RouteOperation[] = [],
): PathAttributes {
  if (target.isMonitor === true) return { ...original, nextHop: original.nextHop ?? target.selfAddress };
  const attributes = applyOperations(original, operations, 'export');
  const {
    localPref,
    originatorId,
    clusterList,
    med,
    linkLocalNextHop: _l,
    linkInterface: _i,
    priority: _p,
    ...common
  } = attributes;
  const isSelf = isSelfNextHop(source, attributes, target);
  const linkLocalNextHop = isSelf ? target.selfLinkLocal : undefined;
  const shared = { ...common, nextHop: isSelf ? target.selfAddress : attributes.nextHop, linkLocalNextHop };
  // RFC 4271 5.1.4: a MED received must not go to other ASes, our own may.
  const handedOn = isHandedOn(source, target);
  const ownMed = source.kind === 'bgp' && !handedOn ? undefined : med;
  if (target.external) {
    // 5.1.2 b, 5.1.5, RFC 4456 8, RFC 4360 6: LOCAL_PREF, the reflection attributes and some communities stay inside.
    const isMarked =
      attributes.onlyToCustomer === undefined && target.role !== undefined && isMarkedInRole(target.role);
    const mark = isMarked ? { onlyToCustomer: target.localAs } : {};
    const extendedCommunities = attributes.extendedCommunities?.filter(isTransitive);
    const asPath = handedOn ? attributes.asPath : prependOwn(attributes.asPath, target);
    return { ...shared, ...mark, asPath, med: ownMed, extendedCommunities };
  }
  const internal = { ...shared, med, localPref: localPref ?? defaultLocalPref };
  if (source.kind !== 'bgp' || source.external) return internal;
  // RFC 4456 8: the reflector notes the originator and puts its cluster before the list.
  return {
    ...internal,
    originatorId: originatorId ?? source.routerId,
    clusterList: [...clustersOf(source, target), ...(clusterList ?? [])],
  };
}

/**
 * What `exportAttributes` comes to for a plain attribute list, without operations; `undefined` for
 * a next hop that is no IPv4 address, and for targets that are told more than the usual.
 */
export function planRewrite(source: RouteSource, target: ExportTarget): RewritePlan | undefined {
  if (source.kind !== 'bgp' || target.role !== undefined || target.isMonitor === true) return undefined;
  if (target.globalAs !== undefined) return undefined;
  const { external, nextHopMode } = target;
  const handedOn = isHandedOn(source, target);
  const isSelf = nextHopMode === 'auto' ? external && !handedOn : nextHopMode === 'self';
  if (isSelf && familyOf(target.selfAddress) !== 4) return undefined;
  return {
    nextHop: isSelf ? addressNumber(ipToBytes(target.selfAddress)) : undefined,
    prependAs: external && !handedOn ? target.localAs : undefined,
    dropMed: external && !handedOn,
    isExternal: external,
    defaultLocalPref,
    reflect:
      external || source.external ? undefined : { originatorId: source.routerId, clusters: clustersOf(source, target) },
  };
}
