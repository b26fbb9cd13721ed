/** What a route looks like to a peer, and whether it may go there at all: RFC 4271 9.2, RFC 4456, RFC 1997. */
import type { IpAddress } from '@calico-node/net';
import { prependAs } from '../wire/as-path.ts';
import type { LargeCommunity, PathAttributes } from '../wire/path-attributes.ts';
import { wellKnownCommunity } from './communities.ts';
import { defaultLocalPref } from './decision.ts';
import type { RouteSource } from './route-source.ts';

export type NextHopMode = 'auto' | 'self' | 'keep';

/** What the sessions of one update group have in common. */
export interface ExportTarget {
  readonly external: boolean;
  readonly localAs: number;
  readonly routerId: number;
  /** The next hop that stands for this node. */
  readonly selfAddress: IpAddress;
  readonly nextHopMode: NextHopMode;
  readonly client: boolean;
  /** RFC 4456 8; the router id unless configured. */
  readonly clusterId: number;
}

export type ExportProblem = 'no-advertise' | 'no-export' | 'not-reflected';

/** Why routes from the source must not go to the target whatever policy says; `undefined` when they may. */
export function checkExport(
  source: RouteSource,
  attributes: PathAttributes,
  target: ExportTarget,
): ExportProblem | undefined {
  const communities = attributes.communities ?? [];
  // RFC 1997: NO_ADVERTISE to nobody; NO_EXPORT and NO_EXPORT_SUBCONFED not to other ASes.
  if (communities.includes(wellKnownCommunity.noAdvertise)) return 'no-advertise';
  if (target.external) {
    const isKept =
      communities.includes(wellKnownCommunity.noExport) || communities.includes(wellKnownCommunity.noExportSubconfed);
    return isKept ? 'no-export' : undefined;
  }
  // RFC 4271 9.2: from an internal peer to an internal peer only by reflection (RFC 4456 6).
  const mayGo = source.kind !== 'bgp' || source.external || source.client || target.client;
  return mayGo ? undefined : 'not-reflected';
}

export interface ExtraCommunities {
  readonly standard: readonly number[];
  readonly large: readonly LargeCommunity[];
}

function isSelfNextHop(source: RouteSource, attributes: PathAttributes, target: ExportTarget): boolean {
  if (source.kind !== 'bgp' || attributes.nextHop === undefined) return true;
  if (target.nextHopMode === 'auto') return target.external;
  return target.nextHopMode === 'self';
}

/** The attributes that the target gets for a route. */
export function exportAttributes(
  source: RouteSource,
  attributes: PathAttributes,
  target: ExportTarget,
  extra?: ExtraCommunities,
): PathAttributes {
  const { localPref, originatorId, clusterList, med, linkLocalNextHop: _linkLocal, ...common } = attributes;
  const nextHop = isSelfNextHop(source, attributes, target) ? target.selfAddress : attributes.nextHop;
  const communities = merged(attributes.communities, extra?.standard);
  const largeCommunities = merged(attributes.largeCommunities, extra?.large);
  const shared = { ...common, nextHop, communities, largeCommunities };
  // RFC 4271 5.1.4: a MED received must not go to other ASes, our own may.
  const ownMed = source.kind === 'bgp' ? undefined : med;
  if (target.external) {
    // 5.1.2 b, 5.1.5, RFC 4456 8: neither LOCAL_PREF nor the reflection attributes leave the AS.
    return { ...shared, asPath: prependAs(attributes.asPath, target.localAs), med: ownMed };
  }
  const internal = { ...shared, med, localPref: localPref ?? defaultLocalPref };
  if (source.kind !== 'bgp' || source.external) return internal;
  // RFC 4456 8: the reflector notes the originator and puts its cluster before the list.
  return {
    ...internal,
    originatorId: originatorId ?? source.routerId,
    clusterList: [target.clusterId, ...(clusterList ?? [])],
  };
}

function merged<T>(own: readonly T[] | undefined, extra: readonly T[] | undefined): readonly T[] | undefined {
  if (extra === undefined || extra.length === 0) return own;
  const known = new Set((own ?? []).map(String));
  return [...(own ?? []), ...extra.filter((value) => !known.has(String(value)))];
}
