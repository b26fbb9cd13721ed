import {
  defaultLocalPref,
  formatAsPath,
  formatCommunity,
  formatLargeCommunity,
  type Session,
  type StateName,
} from '@calico-node/bgp';
import type { BfdStateName } from '@calico-node/bfd';
import type { Cidr, Family } from '@calico-node/net';
import { bgpV1 } from '@calico-node/rpc';
import type { BfdStatus } from '../bfd/bfd.ts';
import { peerHop, type PeerType } from '../config/daemon-config.ts';
import type { AttributeSet } from '../rib/attribute-table.ts';
import type { PathView } from '../rib/rib-views.ts';
import type { Neighbor } from '../speaker/neighbor.ts';
import type { Speaker } from '../speaker/speaker.ts';

const { SessionState, PeerType: WirePeerType } = bgpV1;

const states: Readonly<Record<StateName, bgpV1.SessionState>> = {
  Idle: SessionState.IDLE,
  Connect: SessionState.CONNECT,
  Active: SessionState.ACTIVE,
  OpenSent: SessionState.OPEN_SENT,
  OpenConfirm: SessionState.OPEN_CONFIRM,
  Established: SessionState.ESTABLISHED,
};

const types: Readonly<Record<PeerType, bgpV1.PeerType>> = {
  mesh: WirePeerType.NODE_MESH,
  node: WirePeerType.NODE,
  global: WirePeerType.GLOBAL,
  other: WirePeerType.UNSPECIFIED,
};

const bfdStates: Readonly<Record<BfdStateName, bgpV1.BfdState>> = {
  AdminDown: bgpV1.BfdState.ADMIN_DOWN,
  Down: bgpV1.BfdState.DOWN,
  Init: bgpV1.BfdState.INIT,
  Up: bgpV1.BfdState.UP,
};

function bfdStatus(status: BfdStatus): bgpV1.BfdStatus {
  return {
    state: bfdStates[status.state],
    sinceUnixMillis: BigInt(status.sinceMs),
    diagnostic: status.diagnostic,
    multihop: status.hops === 'multi',
    transmitMillis: Math.round(status.transmitMs),
    detectionMillis: Math.round(status.detectionMs),
    failures: status.failures,
  };
}

export function peerStatus(neighbor: Neighbor, dynamic: boolean, bfd: BfdStatus | undefined): bgpV1.Peer {
  const { config, session, messages, dampening } = neighbor;
  return {
    name: config.name,
    address: peerHop(config),
    port: config.port,
    type: types[config.type],
    remoteAs: config.remoteAs,
    state: states[neighbor.state],
    sinceUnixMillis: BigInt(neighbor.sinceMs),
    lastError: neighbor.lastError,
    prefixesReceived: BigInt(neighbor.prefixesReceived),
    prefixesSent: BigInt(neighbor.prefixesSent),
    messagesReceived: BigInt(messages.received),
    messagesSent: BigInt(messages.sent),
    gracefulRestart: session?.gracefulRestart !== undefined,
    stale: neighbor.isRetained,
    holdSeconds: session?.holdSeconds ?? 0,
    shutDown: neighbor.isShutDown,
    capabilities: session === undefined ? [] : agreedOn(session),
    dynamic,
    bfd: bfd && bfdStatus(bfd),
    flaps: dampening.flaps,
    dampedSeconds: Math.ceil(dampening.leftSeconds),
  };
}

/** What both sides can do beyond RFC 4271, in words. */
function agreedOn(session: Session): string[] {
  const perFamily = (families: readonly Family[], what: string): string[] =>
    families.map((family) => `${what} IPv${family}`);
  const flags: readonly (readonly [boolean, string])[] = [
    [session.as4, 'four-octet AS'],
    [session.routeRefresh, 'route refresh'],
    [session.enhancedRouteRefresh && session.routeRefresh, 'enhanced route refresh'],
    [session.extendedMessage, 'extended messages'],
    [session.gracefulRestart !== undefined, 'graceful restart'],
    [session.longLivedRestart.length > 0, 'long-lived graceful restart'],
    [session.extendedNextHop, 'extended next hop'],
  ];
  return [
    ...perFamily(session.families, 'unicast'),
    ...flags.flatMap(([isAgreed, name]) => (isAgreed ? [name] : [])),
    ...perFamily(session.addPathSend, 'ADD-PATH send'),
    ...perFamily(session.addPathReceive, 'ADD-PATH receive'),
    ...(session.role === undefined ? [] : [`role ${session.role}`]),
  ];
}

export function routeStatus(prefix: Cidr, path: PathView, best: boolean): bgpV1.Route {
  const { attributes } = path.set;
  return {
    prefix,
    nextHop: shownNextHop(path.set),
    source: path.source.name,
    best,
    stale: path.stale,
    asPath: formatAsPath(attributes.asPath),
    communities: [
      ...(attributes.communities ?? []).map(formatCommunity),
      ...(attributes.largeCommunities ?? []).map(formatLargeCommunity),
    ],
    localPref: attributes.localPref ?? defaultLocalPref,
    med: attributes.med,
    interfaceName: path.interfaceName ?? '',
    origin: attributes.origin,
  };
}

/** The global address, where there is one. */
function shownNextHop({ nextHop, attributes }: AttributeSet): string {
  const isLinkLocalAlone = attributes.linkInterface !== undefined && attributes.linkLocalNextHop === undefined;
  return (isLinkLocalAlone ? nextHop : attributes.nextHop) ?? '';
}

/** The paths of all prefixes, or of one, from all sources, or from one. */
export function* routeStatuses(speaker: Speaker, only: Cidr | undefined, source: string): Generator<bgpV1.Route> {
  const isFrom = (path: PathView): boolean => source === '' || path.source.name === source;
  for (const { prefix, paths, best } of speaker.routes(only))
    for (const path of paths) if (isFrom(path)) yield routeStatus(prefix, path, path.path === best);
}
