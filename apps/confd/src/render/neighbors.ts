import { bgpV1 } from '@calico-node/rpc';
import type { BgpNode } from '../derive/bgp-node.ts';
import { isInternal, type Session } from '../derive/session.ts';
import { filterNames } from './filters.ts';

const types: Readonly<Record<Session['type'], bgpV1.PeerType>> = {
  mesh: bgpV1.PeerType.NODE_MESH,
  global: bgpV1.PeerType.GLOBAL,
  node: bgpV1.PeerType.NODE,
  workload: bgpV1.PeerType.NODE,
};

const nextHopModes: Readonly<Record<Session['nextHop'], bgpV1.NextHopMode>> = {
  auto: bgpV1.NextHopMode.UNSPECIFIED,
  self: bgpV1.NextHopMode.SELF,
  keep: bgpV1.NextHopMode.KEEP,
};

/**
 * A session for the native daemon. As in Calico, where several nodes have the same address, a reflector tells of all
 * of them (RFC 7911), and everybody takes what is told. No other node knows several paths that it may tell of.
 *
 * @param rendered the names of the filters that were rendered
 */
export function renderNeighbor(session: Session, me: BgpNode, rendered: ReadonlySet<string>): bgpV1.Neighbor {
  return bgpV1.Neighbor.fromPartial({
    name: session.name,
    address: session.address,
    port: session.port,
    remoteAs: session.remoteAsn,
    localAs: session.localAsn === me.asn ? 0 : session.localAsn,
    sourceAddress: session.source ?? '',
    passive: session.isPassive,
    type: types[session.type],
    password: session.password,
    ttlSecurityHops: session.ttlSecurityHops,
    multihop: true,
    routeReflectorClient: session.isReflectorClient,
    clusterId: session.clusterId ?? '',
    addPathSend: me.clusterId !== '',
    addPathReceive: true,
    nextHopMode: nextHopModes[session.nextHop],
    restartSeconds: session.restartSeconds,
    longLivedSeconds: session.longLivedSeconds,
    keepaliveSeconds: session.keepaliveSeconds,
    ...(session.hasBfd ? { bfd: { ifConnected: true, graceful: session.isBfdGraceful } } : {}),
    allowedLocalAs: session.allowedLocalAsns,
    importFilters: filterNames(session.filters, 'import', isInternal(session), rendered),
    exportFilters: filterNames(session.filters, 'export', isInternal(session), rendered),
  });
}
