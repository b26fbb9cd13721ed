import { bgpV1 } from '@calico-node/rpc';
import { familyOf, tryParseIp, type Family } from '@calico-node/net';
import { addressOf, type BgpNode } from './bgp-node.ts';
import { wholeSeconds } from './duration.ts';
import type { FilterNames } from './filters.ts';
import type { PeerTarget } from './peer-target.ts';
import type { PeerTargets } from './peers.ts';
import type { Settings } from './settings.ts';
import { compareText, givenAsn, type Complain } from './resources.ts';

const FAMILIES: readonly Family[] = [4, 6];

/** BIRD's protocol names in Calico: an address with `_` for each separator. */
function sessionName(prefix: 'Mesh' | 'Global' | 'Node', ip: string, port: number): string {
  return `${prefix}_${ip.replaceAll(/[.:]/g, '_')}${port === 0 ? '' : `_port_${port}`}`;
}

/**
 * The node-to-node mesh (calico-confd 6.3): a session with every other node that has an address of the
 * family, except where one of the two is a route reflector. Of each pair the one with the smaller address,
 * compared as text, connects; the other waits.
 */
export function meshNeighbors(me: BgpNode, nodes: readonly BgpNode[], settings: Settings): readonly bgpV1.Neighbor[] {
  if (!settings.isMeshEnabled || me.clusterId !== '') return [];
  const others = nodes.filter((node) => node.name !== me.name && node.clusterId === '');
  return FAMILIES.flatMap((family) =>
    others.flatMap((other) => {
      const mine = addressOf(me, family);
      const theirs = addressOf(other, family);
      if (mine === undefined || theirs === undefined || mine === theirs) return [];
      return bgpV1.Neighbor.fromPartial({
        name: sessionName('Mesh', theirs, 0),
        address: theirs,
        port: other.listenPort,
        remoteAs: other.asn,
        sourceAddress: mine,
        passive: compareText(theirs, mine) > 0,
        type: bgpV1.PeerType.NODE_MESH,
        multihop: true,
        restartSeconds: settings.meshRestartSeconds,
      });
    }),
  );
}

/** The sessions that BGPPeers ask for; none with myself, nor in a family in which I have no address. */
export function peerNeighbors(
  me: BgpNode,
  targets: PeerTargets,
  filters: FilterNames,
  complain: Complain,
): readonly bgpV1.Neighbor[] {
  const render = (target: PeerTarget, type: bgpV1.PeerType): readonly bgpV1.Neighbor[] => {
    const mine = addressOf(me, familyOf(target.ip));
    if (target.ip === me.ipv4 || target.ip === me.ipv6) return [];
    if (mine === undefined) {
      complain(
        `BGPPeer(${target.resource.metadata.name})`,
        `no session with ${target.ip}: this node has no BGP address of that family`,
      );
      return [];
    }
    return [peerNeighbor(me, mine, target, type, filters, complain)];
  };
  return [
    ...targets.global.flatMap((target) => render(target, bgpV1.PeerType.GLOBAL)),
    ...targets.node.flatMap((target) => render(target, bgpV1.PeerType.NODE)),
  ];
}

function peerNeighbor(
  me: BgpNode,
  mine: string,
  target: PeerTarget,
  type: bgpV1.PeerType,
  filters: FilterNames,
  complain: Complain,
): bgpV1.Neighbor {
  const { spec, metadata } = target.resource;
  const subject = `BGPPeer(${metadata.name})`;
  const isGlobal = type === bgpV1.PeerType.GLOBAL;
  if (spec.password !== undefined) {
    complain(subject, 'its password is in a Kubernetes secret, which is out of reach: the session goes without');
  }
  const isSameAs = (givenAsn(spec.localASNumber) ?? me.asn) === target.asn;
  const reflects = isSameAs && me.clusterId !== '' && target.clusterId !== me.clusterId;
  return bgpV1.Neighbor.fromPartial({
    name: sessionName(isGlobal ? 'Global' : 'Node', target.ip, target.port),
    address: target.ip,
    port: target.port,
    remoteAs: target.asn,
    localAs: spec.localASNumber ?? 0,
    sourceAddress: spec.sourceAddress === 'None' ? '' : mine,
    passive: isGlobal && target.isCalicoNode && compareText(target.ip, mine) > 0,
    type,
    ttlSecurityHops: spec.ttlSecurity ?? 0,
    multihop: true,
    routeReflectorClient: reflects,
    clusterId: reflects ? clusterIdOf(me, complain) : '',
    nextHopMode: nextHopMode(target, isSameAs),
    restartSeconds: wholeSeconds(spec.maxRestartTime),
    keepaliveSeconds: wholeSeconds(spec.keepaliveTime),
    allowedLocalAs: spec.numAllowedLocalASNumbers ?? 0,
    ...filters.of(spec.filters ?? [], subject),
  });
}

/** The reflector's cluster (RFC 4456 7); empty, so that the router ID stands for it, when it can't be read. */
function clusterIdOf({ name, clusterId }: BgpNode, complain: Complain): string {
  const id = tryParseIp(clusterId);
  if (id !== undefined && familyOf(id) === 4 && id !== '0.0.0.0') return id;
  complain(`Node(${name})`, `routeReflectorClusterID "${clusterId}" is not a dotted quad: the router ID is used`);
  return '';
}

function nextHopMode({ resource }: PeerTarget, isSameAs: boolean): bgpV1.NextHopMode {
  const { nextHopMode: mode, keepOriginalNextHop = false } = resource.spec;
  if (mode === 'Self') return bgpV1.NextHopMode.SELF;
  if (mode === 'Keep' || (keepOriginalNextHop && !isSameAs)) return bgpV1.NextHopMode.KEEP;
  return bgpV1.NextHopMode.UNSPECIFIED;
}
