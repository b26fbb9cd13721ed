/**
 * The store's BGP resources as what they mean for one node, whatever daemon speaks for it.
 *
 *   BGPConfiguration ─ settings ─┬─ bgp-node ─┬─ mesh ────┐
 *   Node ────────────────────────┘            ├─ peers ───┼─ sessions ─┐
 *   BGPPeer ──────────────────────────────────┘           │            ├─ NodeBgp ─┬─ render/: BgpConfig
 *   BGPFilter ────────────────────────────────────────────┘            │           └─ bird/: bird.cfg, …
 *   IPPool, block affinities ─ prefixes ───────────────────────────────┘
 *
 * Pure: equal resources in any order give an equal result.
 */
import type { BGPFilter } from '@calico-node/model';
import { bgpNodes, type BgpNode } from './bgp-node.ts';
import type { PeerTarget } from './peer-target.ts';
import { peerTargets, workloadPeers } from './peers.ts';
import { derivePrefixes, type Prefixes } from './prefixes.ts';
import { byName, compareText, type BgpResources, type Complain, type RenderOptions } from './resources.ts';
import { routerId } from './router-id.ts';
import type { Session } from './session.ts';
import { meshSessions, peerSessions } from './sessions.ts';
import { settingsFor, type Settings } from './settings.ts';
import { workloadSessions } from './workload-sessions.ts';

/** Kubernetes' label of nodes that draw no traffic to services. */
const EXCLUDING_LABEL = 'node.kubernetes.io/exclude-from-external-load-balancers';

/** What the node is as a speaker: all but the prefixes. */
export interface Speaker {
  readonly me: BgpNode;
  readonly routerId: string;
  readonly settings: Settings;
  /** In the order of their names. */
  readonly sessions: readonly Session[];
  /** Those that sessions use, in the order of their names. */
  readonly filters: readonly BGPFilter[];
  /** Whom BGPPeers ask it to peer with. */
  readonly targets: readonly PeerTarget[];
  /** The node is not to draw traffic to services. */
  readonly isExcluded: boolean;
}

/** A node's part in BGP. */
export interface NodeBgp extends Speaker {
  readonly prefixes: Prefixes;
}

/** What a speaker is derived from, which changes seldom; the rest makes its prefixes, and changes with the workloads. */
export type SpeakerResources = Pick<BgpResources, 'nodes' | 'configurations' | 'peers' | 'filters' | 'workloads'>;
export type PrefixResources = Pick<BgpResources, 'pools' | 'blocks' | 'services'>;

/**
 * Derives a node's part. A node that is not in the store, or has no BGP address, has no sessions. Never
 * throws on what a store may hold.
 */
export function deriveBgp(resources: BgpResources, options: RenderOptions, complain: Complain): NodeBgp {
  return withPrefixes(deriveSpeaker(resources, options, complain), resources, options, complain);
}

export function deriveSpeaker(resources: SpeakerResources, options: RenderOptions, complain: Complain): Speaker {
  const { nodeName, secretOf } = options;
  const settings = settingsFor(nodeName, resources.configurations, secretOf, complain);
  const nodes = bgpNodes(resources.nodes, settings, complain);
  const me = nodes.find((node) => node.name === nodeName) ?? strangerNode(nodeName, settings);
  const targets = peerTargets(resources.peers, me, nodes, settings.globalAsn, complain);
  const filters = new Map(byName(resources.filters).map((filter) => [filter.metadata.name, filter]));
  const context = { me, filterNames: new Set(filters.keys()), secretOf, complain };
  const forWorkloads = workloadPeers(resources.peers, me, complain);
  const sessions = distinct(
    [
      ...peerSessions(targets, context),
      ...workloadSessions(forWorkloads, resources.workloads, settings, context),
      ...meshSessions(me, nodes, settings),
    ],
    complain,
  );
  const used = new Set(sessions.flatMap((session) => session.filters));
  return {
    me,
    routerId: routerId(options.routerId, me.name, me.ipv4),
    settings,
    sessions,
    filters: [...filters.values()].filter((filter) => used.has(filter.metadata.name)),
    targets: [...targets.global, ...targets.node],
    isExcluded: me.labels.get(EXCLUDING_LABEL) === 'true',
  };
}

/** Adds the prefixes, which take no time that depends on other nodes. */
export function withPrefixes(
  speaker: Speaker,
  { pools, blocks, services }: PrefixResources,
  { advertiseClusterIps }: RenderOptions,
  complain: Complain,
): NodeBgp {
  const { settings, targets, isExcluded, me } = speaker;
  const isReflector = me.clusterId !== '';
  const clusterIps = advertiseClusterIps ?? settings.serviceClusterIps;
  const prefixes = derivePrefixes(
    { pools, blocks, settings, isReflector, isExcluded, services, clusterIps, targets },
    complain,
  );
  return { ...speaker, prefixes };
}

/**
 * Sessions in the order of their names, one for each address and port: two sessions with one speaker
 * would only collide (RFC 4271 6.8). What is asked for explicitly stands before the mesh.
 */
function distinct(sessions: readonly Session[], complain: Complain): readonly Session[] {
  const byEndpoint = new Map<string, Session>();
  for (const session of sessions) {
    const endpoint = `${session.address} ${session.port || 179}`;
    const first = byEndpoint.get(endpoint);
    if (first === undefined) byEndpoint.set(endpoint, session);
    else complain(session.name, `left out: ${first.name} is a session with the same address and port`);
  }
  return [...byEndpoint.values()].sort((a, b) => compareText(a.name, b.name));
}

/** A node that the store doesn't have (yet): no address, hence no session. */
function strangerNode(name: string, settings: Settings): BgpNode {
  return {
    name,
    labels: { get: () => undefined },
    ipv4: undefined,
    ipv6: undefined,
    subnet4: undefined,
    subnet6: undefined,
    asn: settings.globalAsn,
    clusterId: '',
    listenPort: settings.listenPortOf(name),
  };
}
