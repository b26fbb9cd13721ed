/**
 * A node's BGP as the native daemon's whole configuration. Pure: equal resources in any order give an
 * equal message, so that comparing messages tells whether anything changed.
 */
import { familyOf, type Family, type IpAddress } from '@calico-node/net';
import { bgpV1 } from '@calico-node/rpc';
import { deriveBgp } from '../derive/derive.ts';
import { Problems } from '../derive/problems.ts';
import type { BgpResources, RenderOptions, RenderProblem } from '../derive/resources.ts';
import type { Session } from '../derive/session.ts';
import type { LogLevel, Settings } from '../derive/settings.ts';
import { renderFilters } from './filters.ts';
import { renderNeighbor } from './neighbors.ts';
import { renderPrefixes } from './prefixes.ts';

const FAMILIES: readonly Family[] = [4, 6];

export interface Rendered<Config> {
  readonly config: Config;
  /** What the configuration could not express or had to leave out, each once. */
  readonly problems: readonly RenderProblem[];
}

const logLevels: Readonly<Record<LogLevel, bgpV1.LogLevel>> = {
  none: bgpV1.LogLevel.NONE,
  info: bgpV1.LogLevel.INFO,
  debug: bgpV1.LogLevel.DEBUG,
};

/** What local workloads that are peers connect to. */
function peeringAddresses(sessions: readonly Session[], { workloadPeering }: Settings): IpAddress[] {
  return FAMILIES.flatMap((family) => {
    const isNeeded = sessions.some(({ type, address }) => type === 'workload' && familyOf(address) === family);
    return (isNeeded ? workloadPeering[family] : undefined) ?? [];
  });
}

/** Renders a node's configuration. Never throws on what a store may hold. */
export function renderBgpConfig(resources: BgpResources, options: RenderOptions): Rendered<bgpV1.BgpConfig> {
  const problems = new Problems();
  const { me, routerId, settings, sessions, filters, prefixes } = deriveBgp(resources, options, problems.complain);
  const renderedFilters = renderFilters(filters, problems.complain);
  const filterNames = new Set(renderedFilters.map(({ name }) => name));
  const { announceWithin, neverAnnounce, neverProgram, staticRoutes, tunnels } = renderPrefixes(
    prefixes,
    settings,
    me.subnet4,
  );
  const config = bgpV1.BgpConfig.fromPartial({
    nodeName: me.name,
    routerId,
    localAs: me.asn,
    listenAddresses: settings.bindsToNodeIp
      ? [me.ipv4, me.ipv6, ...peeringAddresses(sessions, settings)].filter((ip) => ip !== undefined)
      : [],
    listenPort: me.listenPort,
    neighbors: sessions.map((session) => renderNeighbor(session, me, filterNames)),
    staticRoutes,
    kernel: {
      learn: true,
      program: true,
      ignoredInterfaces: [...settings.ignoredInterfaces],
      neverProgram,
      announceWithin,
      neverAnnounce,
      tunnels,
      localAddresses: peeringAddresses(sessions, settings),
      normalPriorityV4: settings.normalPriority[4],
      normalPriorityV6: settings.normalPriority[6],
    },
    filters: [...renderedFilters],
    logLevel: logLevels[settings.logLevel],
    prefixCommunities: settings.prefixCommunities.map(({ prefix, communities }) => ({
      prefix,
      communities: [...communities],
    })),
  });
  return { config, problems: problems.list() };
}
