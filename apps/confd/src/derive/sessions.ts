import type { BGPPeer } from '@calico-node/model';
import { familyOf, tryParseIp, type Family, type IpAddress } from '@calico-node/net';
import { addressOf, type BgpNode } from './bgp-node.ts';
import { wholeSeconds } from './duration.ts';
import { readPassword, type SecretLookup } from './password.ts';
import type { PeerTarget } from './peer-target.ts';
import type { PeerTargets } from './peers.ts';
import { compareText, givenAsn, type Complain } from './resources.ts';
import type { Session, SessionType } from './session.ts';
import type { Settings } from './settings.ts';

const FAMILIES: readonly Family[] = [4, 6];

const namePrefixes = { mesh: 'Mesh', global: 'Global', node: 'Node', workload: 'Local_Workload' } as const;

/** BIRD's protocol names in Calico: an address with `_` for each separator. */
function sessionName(prefix: (typeof namePrefixes)[SessionType], ip: string, port: number): string {
  return `${prefix}_${ip.replaceAll(/[.:]/g, '_')}${port === 0 ? '' : `_port_${port}`}`;
}

/**
 * The node-to-node mesh (calico-confd 6.3): a session with every other node that has an address of the
 * family, except where one of the two is a route reflector. Of each pair the one with the smaller address,
 * compared as text, connects; the other waits.
 */
export function meshSessions(me: BgpNode, nodes: readonly BgpNode[], settings: Settings): readonly Session[] {
  if (!settings.isMeshEnabled || me.clusterId !== '') return [];
  const others = nodes.filter((node) => node.name !== me.name && node.clusterId === '');
  return FAMILIES.flatMap((family) =>
    others.flatMap((other) => {
      const mine = addressOf(me, family);
      const theirs = addressOf(other, family);
      if (mine === undefined || theirs === undefined || mine === theirs) return [];
      return {
        name: sessionName('Mesh', theirs, 0),
        type: 'mesh',
        address: theirs,
        port: other.listenPort,
        remoteAsn: other.asn,
        localAsn: me.asn,
        source: mine,
        isPassive: compareText(theirs, mine) > 0,
        ttlSecurityHops: 0,
        isReflectorClient: false,
        clusterId: undefined,
        nextHop: 'auto',
        restartSeconds: settings.meshRestartSeconds,
        longLivedSeconds: 0,
        hasBfd: false,
        isBfdGraceful: false,
        keepaliveSeconds: 0,
        allowedLocalAsns: 0,
        password: settings.meshPassword,
        isCalicoNode: true,
        remoteClusterId: '',
        reachableBy: '',
        filters: [],
      };
    }),
  );
}

export interface PeerContext {
  readonly me: BgpNode;
  /** The names of the BGPFilters that exist. */
  readonly filterNames: ReadonlySet<string>;
  readonly secretOf: SecretLookup | undefined;
  readonly complain: Complain;
}

/** The sessions that BGPPeers ask for; none with myself, nor in a family in which I have no address. */
export function peerSessions(targets: PeerTargets, context: PeerContext): readonly Session[] {
  const { me, complain } = context;
  const derive = (target: PeerTarget, type: SessionType): readonly Session[] => {
    const mine = addressOf(me, familyOf(target.ip));
    if (target.ip === me.ipv4 || target.ip === me.ipv6) return [];
    if (mine === undefined) {
      complain(
        `BGPPeer(${target.resource.metadata.name})`,
        `no session with ${target.ip}: this node has no BGP address of that family`,
      );
      return [];
    }
    return [peerSession(mine, target, type, context)];
  };
  return [
    ...targets.global.flatMap((target) => derive(target, 'global')),
    ...targets.node.flatMap((target) => derive(target, 'node')),
  ];
}

/** @param mine this node's address of the peer's family */
export function peerSession(mine: IpAddress, target: PeerTarget, type: SessionType, context: PeerContext): Session {
  const { me, secretOf, complain } = context;
  const { spec, metadata } = target.resource;
  const subject = `BGPPeer(${metadata.name})`;
  const isGlobal = type === 'global';
  const localAsn = givenAsn(spec.localASNumber) ?? me.asn;
  const isSameAs = localAsn === target.asn;
  const isReflectorClient = isSameAs && me.clusterId !== '' && target.clusterId !== me.clusterId;
  return {
    name: sessionName(namePrefixes[type], target.ip, target.port),
    type,
    address: target.ip,
    port: target.port,
    remoteAsn: target.asn,
    localAsn,
    source: spec.sourceAddress === 'None' ? undefined : mine,
    isPassive: isGlobal && target.isCalicoNode && compareText(target.ip, mine) > 0,
    ttlSecurityHops: spec.ttlSecurity ?? 0,
    isReflectorClient,
    clusterId: isReflectorClient ? clusterIdOf(me, complain) : undefined,
    nextHop: nextHopOf(target, isSameAs),
    ...restartTimes(spec),
    hasBfd: spec.failureDetectionMode === 'BFDIfDirectlyConnected',
    isBfdGraceful: isLongLived(spec) || spec.maxRestartTime !== undefined,
    keepaliveSeconds: wholeSeconds(spec.keepaliveTime),
    allowedLocalAsns: spec.numAllowedLocalASNumbers ?? 0,
    password: readPassword(spec.password, secretOf, subject, complain),
    isCalicoNode: target.isCalicoNode,
    remoteClusterId: target.clusterId,
    reachableBy: spec.reachableBy ?? '',
    filters: existing(spec.filters ?? [], subject, context),
  };
}

/** How long routes are kept as the last resort where nothing is said. */
const LONG_LIVED_SECONDS = 3600;

function isLongLived({ restartMode }: BGPPeer['spec']): boolean {
  return restartMode === 'LongLivedGracefulRestart';
}

/** Long-lived, routes become the last resort at once: another path is better while there is one. */
function restartTimes(spec: BGPPeer['spec']): Pick<Session, 'restartSeconds' | 'longLivedSeconds'> {
  const seconds = wholeSeconds(spec.maxRestartTime);
  if (!isLongLived(spec)) return { restartSeconds: seconds, longLivedSeconds: 0 };
  return { restartSeconds: 1, longLivedSeconds: seconds === 0 ? LONG_LIVED_SECONDS : seconds };
}

/** The reflector's cluster (RFC 4456 7); none, so that the router ID stands for it, when it can't be read. */
function clusterIdOf({ name, clusterId }: BgpNode, complain: Complain): IpAddress | undefined {
  const id = tryParseIp(clusterId);
  if (id !== undefined && familyOf(id) === 4 && id !== '0.0.0.0') return id;
  complain(`Node(${name})`, `routeReflectorClusterID "${clusterId}" is not a dotted quad: the router ID is used`);
  return undefined;
}

function nextHopOf({ resource }: PeerTarget, isSameAs: boolean): Session['nextHop'] {
  const { nextHopMode: mode, keepOriginalNextHop = false } = resource.spec;
  if (mode === 'Self') return 'self';
  return mode === 'Keep' || (keepOriginalNextHop && !isSameAs) ? 'keep' : 'auto';
}

function existing(
  names: readonly string[],
  subject: string,
  { filterNames, complain }: PeerContext,
): readonly string[] {
  return names.filter((name) => {
    if (filterNames.has(name)) return true;
    complain(subject, `BGPFilter "${name}" does not exist: left out`);
    return false;
  });
}
