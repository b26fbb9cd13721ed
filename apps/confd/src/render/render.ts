/**
 * A node's BGP as the native daemon's whole configuration. Pure: equal resources in any order give an
 * equal message, so that comparing messages tells whether anything changed.
 */
import { familyOf, type Family, type IpAddress } from '@calico-node/net';
import { bgpV1 } from '@calico-node/rpc';
import { withPrefixes, type NodeBgp, type Speaker } from '../derive/derive.ts';
import { KeptSpeaker } from '../derive/kept-speaker.ts';
import { Problems } from '../derive/problems.ts';
import type { BgpResources, Complain, RenderOptions, RenderProblem } from '../derive/resources.ts';
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

/** What a speaker alone decides of the configuration. */
function speakersPart(speaker: Speaker, complain: Complain): bgpV1.BgpConfig {
  const { me, routerId, settings, sessions, filters } = speaker;
  const renderedFilters = renderFilters(filters, complain);
  const filterNames = new Set(renderedFilters.map(({ name }) => name));
  return bgpV1.BgpConfig.fromPartial({
    nodeName: me.name,
    routerId,
    localAs: me.asn,
    listenAddresses: settings.bindsToNodeIp
      ? [me.ipv4, me.ipv6, ...peeringAddresses(sessions, settings)].filter((ip) => ip !== undefined)
      : [],
    listenPort: me.listenPort,
    neighbors: sessions.map((session) => renderNeighbor(session, me, filterNames)),
    filters: [...renderedFilters],
    logLevel: logLevels[settings.logLevel],
    prefixCommunities: settings.prefixCommunities.map(({ prefix, communities }) => ({
      prefix,
      communities: [...communities],
    })),
  });
}

function kernelPart({ me, settings, sessions, prefixes }: NodeBgp): Pick<bgpV1.BgpConfig, 'kernel' | 'staticRoutes'> {
  const { staticRoutes, ...rules } = renderPrefixes(prefixes, settings, me.subnet4);
  const kernel = bgpV1.KernelConfig.fromPartial({
    learn: true,
    program: true,
    ignoredInterfaces: [...settings.ignoredInterfaces],
    ...rules,
    localAddresses: peeringAddresses(sessions, settings),
    normalPriorityV4: settings.normalPriority[4],
    normalPriorityV6: settings.normalPriority[6],
  });
  return { kernel, staticRoutes };
}

/** Renders a node's configuration again and again: what did not change is not derived anew. */
export class BgpConfigRenderer {
  readonly #speaker = new KeptSpeaker(speakersPart);

  /** Never throws on what a store may hold. The same as {@link renderBgpConfig}, whatever was rendered before. */
  render(resources: BgpResources, options: RenderOptions): Rendered<bgpV1.BgpConfig> {
    const { speaker, made, problems: known } = this.#speaker.of(resources, options);
    const problems = new Problems(known);
    const node = withPrefixes(speaker, resources, options, problems.complain);
    return { config: { ...made, ...kernelPart(node) }, problems: problems.list() };
  }
}

/** Renders a node's configuration once. */
export function renderBgpConfig(resources: BgpResources, options: RenderOptions): Rendered<bgpV1.BgpConfig> {
  return new BgpConfigRenderer().render(resources, options);
}
