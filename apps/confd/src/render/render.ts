/**
 * The store's BGP resources as one node's whole configuration.
 *
 *   BGPConfiguration ─ settings ─┬─ bgp-node ─┬─ mesh ───────┐
 *   Node ────────────────────────┘            ├─ peers ──────┼─ neighbours ─┐
 *   BGPPeer ──────────────────────────────────┘              │              ├─ BgpConfig
 *   BGPFilter ─ filters ─────────────────────────────────────┘              │
 *   IPPool, block affinities ─ prefixes ────────────────────────────────────┘
 *
 * Pure: equal resources in any order give an equal message, so that comparing messages tells whether
 * anything changed.
 */
import { bgpV1 } from '@calico-node/rpc';
import { bgpNodes, type BgpNode } from './bgp-node.ts';
import { renderFilters } from './filters.ts';
import { meshNeighbors, peerNeighbors } from './neighbors.ts';
import { peerTargets } from './peers.ts';
import { renderPrefixes } from './prefixes.ts';
import { compareText, type BgpResources, type Complain, type RenderOptions, type RenderProblem } from './resources.ts';
import { routerId } from './router-id.ts';
import { settingsFor, type Settings } from './settings.ts';

export interface Rendered {
  readonly config: bgpV1.BgpConfig;
  /** What the configuration could not express or had to leave out, each once. */
  readonly problems: readonly RenderProblem[];
}

/**
 * Renders a node's configuration. A node that is not in the store, or has no BGP address, gets one
 * without neighbours. Never throws on what a store may hold.
 */
export function renderBgpConfig(resources: BgpResources, options: RenderOptions): Rendered {
  const problems = new Map<string, RenderProblem>();
  const complain = (subject: string, message: string): void => {
    problems.set(`${subject}\n${message}`, { subject, message });
  };
  const settings = settingsFor(options.nodeName, resources.configurations, complain);
  const nodes = bgpNodes(resources.nodes, settings, complain);
  const me = nodes.find((node) => node.name === options.nodeName) ?? strangerNode(options.nodeName, settings);
  const targets = peerTargets(resources.peers, me, nodes, settings.globalAsn, complain);
  const filters = renderFilters(resources.filters, complain);
  const neighbors = distinct(
    [...peerNeighbors(me, targets, filters.names, complain), ...meshNeighbors(me, nodes, settings)],
    complain,
  );
  const used = new Set(neighbors.flatMap((neighbor) => [...neighbor.importFilters, ...neighbor.exportFilters]));
  const prefixes = renderPrefixes(
    {
      pools: resources.pools,
      blocks: resources.blocks,
      settings,
      isReflector: me.clusterId !== '',
      clusterIps: options.advertiseClusterIps ?? settings.serviceClusterIps,
      targets: [...targets.global, ...targets.node],
    },
    complain,
  );
  const config = bgpV1.BgpConfig.fromPartial({
    nodeName: me.name,
    routerId: routerId(options.routerId, me.name, me.ipv4),
    localAs: me.asn,
    listenAddresses: settings.bindsToNodeIp ? [me.ipv4, me.ipv6].filter((ip) => ip !== undefined) : [],
    listenPort: me.listenPort,
    neighbors,
    staticRoutes: [...prefixes.staticRoutes],
    kernel: {
      learn: true,
      program: true,
      ignoredInterfaces: [...settings.ignoredInterfaces],
      neverProgram: [...prefixes.neverProgram],
      announceWithin: [...prefixes.announceWithin],
      neverAnnounce: [...prefixes.neverAnnounce],
    },
    filters: filters.filters.filter((filter) => used.has(filter.name)),
    logLevel: settings.logLevel,
    prefixCommunities: [...settings.prefixCommunities],
  });
  return { config, problems: [...problems.values()] };
}

/**
 * Neighbours in the order of their names, one for each address and port: two sessions with one speaker
 * would only collide (RFC 4271 6.8). What is asked for explicitly stands before the mesh.
 */
function distinct(neighbors: readonly bgpV1.Neighbor[], complain: Complain): bgpV1.Neighbor[] {
  const byEndpoint = new Map<string, bgpV1.Neighbor>();
  for (const neighbor of neighbors) {
    const endpoint = `${neighbor.address} ${neighbor.port || 179}`;
    const first = byEndpoint.get(endpoint);
    if (first === undefined) byEndpoint.set(endpoint, neighbor);
    else complain(neighbor.name, `left out: ${first.name} is a session with the same address and port`);
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
    asn: settings.globalAsn,
    clusterId: '',
    listenPort: settings.listenPortOf(name),
  };
}
