/**
 * Route priorities: kernel metrics. Between nodes they travel as LOCAL_PREF, counted down from the largest number that
 * BIRD 1 had, where they are better than the usual one: a workload that moves has one on its new node, and is reached
 * there as soon as the others have heard of it, since BIRD's own metric is better than that of their routes.
 *
 * For IPv4 BIRD's routes have no metric, as those of Calico's BIRD and of our own daemon: what these left is then taken
 * over, where it would else go before BIRD's routes for good. IPv6 has no such metric; there BIRD's own, 32, is better
 * than theirs, and routes have metrics one by one only where an import filter sets one.
 */
import { familyOf, type Family } from '@calico-node/net';
import type { BGPFilter } from '@calico-node/model';
import type { Speaker } from '../derive/derive.ts';
import { isInternal, type Session } from '../derive/session.ts';
import type { Direction } from './filter-rule.ts';
import { functionOf, type Lines } from './syntax.ts';

const LARGEST = 0x7fff_ffff;
/** BIRD 2's own metric for all routes, where it has one. */
const BIRD_METRIC = 32;

/** The condition that a route has another metric than BIRD's usual one. */
function hasOtherMetric(family: Family): string {
  const isSet = 'defined(krt_metric) && krt_metric > 0';
  return family === 4 ? isSet : `${isSet} && krt_metric != ${BIRD_METRIC}`;
}

export function priorityCondition(priority: number): string {
  return `(calico_priority() = ${priority})`;
}

export function setPriority(priority: number, direction: Direction): string {
  return direction === 'import' ? `krt_metric = ${priority};` : `bgp_local_pref = ${LARGEST - priority};`;
}

/** The function that `priorityCondition` calls; nothing where no rule does. */
export function priorityFunction(filters: readonly BGPFilter[], normal: number, family: Family): Lines {
  const isAsked = filters.some(({ spec }) =>
    rulesOf(spec, family, ['import', 'export']).some(({ priority }) => priority !== undefined),
  );
  if (!isAsked) return [];
  return functionOf('calico_priority', '', [
    `if (${hasOtherMetric(family)}) then return krt_metric;`,
    `if (source = RTS_BGP && defined(bgp_local_pref) && bgp_local_pref != 100) then return ${LARGEST} - bgp_local_pref;`,
    `return ${normal};`,
  ]);
}

/** Whether each route has a metric of its own, or none. */
export function hasOwnMetrics(filters: readonly BGPFilter[], family: Family): boolean {
  return family === 4 || setsMetrics(filters, family);
}

function setsMetrics(filters: readonly BGPFilter[], family: Family): boolean {
  return filters.some(({ spec }) =>
    rulesOf(spec, family, ['import']).some(({ operations = [] }) =>
      operations.some(({ setPriority: set }) => set !== undefined),
    ),
  );
}

/** What gives a route the usual metric, where routes have metrics of their own. */
export function usualMetric(filters: readonly BGPFilter[], family: Family): Lines {
  return family === 6 && setsMetrics(filters, family) ? [`krt_metric = ${BIRD_METRIC};`] : [];
}

/** Tells a peer in our AS of metrics that are better than the usual one. */
export function exportPriority(session: Session, { settings }: Speaker): Lines {
  if (!isInternal(session)) return [];
  const family = familyOf(session.address);
  return [
    `if ${hasMetricBelow(settings.normalPriority[family], family)} then bgp_local_pref = ${LARGEST} - krt_metric;`,
  ];
}

/**
 * Between two nodes' routes to one workload the urgent one wins, which the node has that it has moved to: what comes
 * from a peer in our AS wins over all, what Felix has here over what the node tells that it has left. These are
 * Calico's preferences; BIRD's own are 100 for BGP and 10 for the kernel.
 */
export function importPreference(session: Session, { settings }: Speaker): Lines {
  if (!isInternal(session)) return [];
  return [
    `if (defined(bgp_local_pref) && bgp_local_pref > ${LARGEST - settings.normalPriority[familyOf(session.address)]}) then preference = 200;`,
  ];
}

/** The same for what is in the kernel. */
export function kernelPreference(normal: number, family: Family): Lines {
  const isUrgent = hasMetricBelow(normal, family);
  return [`if (defined(ifname) && ifname ~ "cali*" && ${isUrgent}) then preference = 150;`, 'accept;'];
}

/** The condition that a route of the kernel, or of a peer in our AS, goes before usual ones. */
export function isElevated(normal: number, family: Family): string {
  return `(${hasMetricBelow(normal, family)} || (source = RTS_BGP && defined(bgp_local_pref) && bgp_local_pref > ${LARGEST - normal}))`;
}

function hasMetricBelow(normal: number, family: Family): string {
  return `(${hasOtherMetric(family)} && krt_metric < ${normal})`;
}

function rulesOf(spec: BGPFilter['spec'], family: Family, directions: readonly Direction[]) {
  return directions.flatMap((direction) => spec[`${direction}V${family}`] ?? []);
}
