/**
 * Route priorities (BGPFilter): kernel metrics. Between nodes they travel as LOCAL_PREF, counted down from the largest
 * number that BIRD 1 had. Only where an import filter sets one have routes a metric of their own: a BIRD 2 that sets
 * metrics per route has none for all of them.
 */
import type { Family } from '@calico-node/net';
import type { BGPFilter } from '@calico-node/model';
import type { Direction } from './filter-rule.ts';
import { functionOf, type Lines } from './syntax.ts';

const LARGEST = 0x7fff_ffff;
/** Of routes to which nobody has given another. */
const NORMAL = 1024;
/** BIRD 2's own metric for all routes. */
export const BIRD_METRIC = 32;

const usual = `krt_metric = ${BIRD_METRIC};`;

export function priorityCondition(priority: number): string {
  return `(calico_priority() = ${priority})`;
}

export function setPriority(priority: number, direction: Direction): string {
  return direction === 'import' ? `krt_metric = ${priority};` : `bgp_local_pref = ${LARGEST - priority};`;
}

/** The function that `priorityCondition` calls; nothing where no rule does. */
export function priorityFunction(filters: readonly BGPFilter[], family: Family): Lines {
  const isAsked = filters.some(({ spec }) =>
    rulesOf(spec, family, ['import', 'export']).some(({ priority }) => priority !== undefined),
  );
  if (!isAsked) return [];
  return functionOf('calico_priority', '', [
    `if (defined(krt_metric) && krt_metric > 0 && krt_metric != ${BIRD_METRIC}) then return krt_metric;`,
    `if (source = RTS_BGP && defined(bgp_local_pref) && bgp_local_pref != 100) then return ${LARGEST} - bgp_local_pref;`,
    `return ${NORMAL};`,
  ]);
}

/** Whether routes have metrics of their own. */
export function hasOwnMetrics(filters: readonly BGPFilter[], family: Family): boolean {
  return filters.some(({ spec }) =>
    rulesOf(spec, family, ['import']).some(({ operations = [] }) =>
      operations.some(({ setPriority: set }) => set !== undefined),
    ),
  );
}

/** What gives a route the usual metric, where routes have metrics of their own. */
export function usualMetric(filters: readonly BGPFilter[], family: Family): Lines {
  return hasOwnMetrics(filters, family) ? [usual] : [];
}

function rulesOf(spec: BGPFilter['spec'], family: Family, directions: readonly Direction[]) {
  return directions.flatMap((direction) => spec[`${direction}V${family}`] ?? []);
}
