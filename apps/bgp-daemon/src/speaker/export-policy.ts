import {
  decideAnnouncement,
  decidingRule,
  type AnnounceReason,
  type Filter,
  type FilterSubject,
  type PrefixView,
  type RouteOperation,
} from '@calico-node/bgp';
import type { DaemonConfig } from '../config/daemon-config.ts';
import type { ExportVerdict } from '../rib/update-group.ts';

const rejected: ExportVerdict = { announce: false, reason: 'an export filter rejects it' };
const accepted: ExportVerdict = { announce: true, reason: 'an export filter accepts it' };

/** What Calico's own rules come to, in words. */
const verdicts: Readonly<Record<AnnounceReason, ExportVerdict>> = {
  'never-announce': { announce: false, reason: 'it is in a pool whose export is disabled' },
  'ignored-interface': { announce: false, reason: 'it leads to an ignored interface' },
  'overlay-interface': { announce: false, reason: 'it leads to an overlay device of this node' },
  'routed-elsewhere': { announce: false, reason: 'somebody else routes it through another node, which announces it' },
  elevated: { announce: true, reason: 'it goes before the block of this node that it is in' },
  'covered-by-aggregate': { announce: false, reason: 'it is covered by a block of this node' },
  'not-within': { announce: false, reason: 'it is in none of the pools and ranges that are announced' },
  aggregate: { announce: true, reason: 'it is a block of this node' },
  originated: { announce: true, reason: 'this node originates it' },
  within: { announce: true, reason: 'it is in a pool or range that is announced' },
};

/** The filters of the given names; those that are gone are passed over. */
export function filtersOf(config: DaemonConfig, names: readonly string[]): Filter[] {
  return names.flatMap((name) => {
    const filter = config.filters.get(name);
    return filter === undefined ? [] : [filter];
  });
}

/** Whom a route may go to. */
export interface Audience {
  /** Peers in our AS. */
  readonly isInternal: boolean;
  /** Nodes of the mesh, whatever their AS: they have their own ways to each other. */
  readonly isMesh: boolean;
}

/**
 * Whether a route goes to peers with these export filters, as Calico's templates do it: the filters first,
 * and where none decides, the node's announce rules, with the communities of advertised prefixes
 * (calico-confd 6.3 and 6.4).
 */
export function decideExport(
  config: DaemonConfig,
  filters: readonly Filter[],
  subject: FilterSubject,
  { isInternal, isMesh }: Audience,
): ExportVerdict {
  const rule = decidingRule(filters, subject);
  if (rule?.action === 'reject') return rejected;
  const precedence = isInternal ? precedenceOf(config, subject) : undefined;
  if (rule !== undefined) return withOperations(accepted, precedence, rule.operations);
  const decided = verdicts[decideAnnouncement(config.announce, subject, isInternal || isMesh).reason];
  return withOperations(decided, precedence, additionsFor(config, subject.prefix));
}

/** What tells peers in our AS of a route that goes before usual ones. */
function precedenceOf({ announce }: DaemonConfig, { prefix, route }: FilterSubject): RouteOperation | undefined {
  const normal = announce.normalPriority[prefix.family];
  // Plain attributes came as they are: they have no priority.
  if (normal === 0 || route.isPlain === true) return undefined;
  const { priority } = route.attributes;
  return priority !== undefined && priority < normal ? { kind: 'set-priority', priority } : undefined;
}

/** The verdict itself where nothing changes, as for nearly all routes. */
function withOperations(
  verdict: ExportVerdict,
  precedence: RouteOperation | undefined,
  additions: readonly RouteOperation[] | undefined,
): ExportVerdict {
  const hasAdditions = additions !== undefined && additions.length > 0;
  if (!verdict.announce || (precedence === undefined && !hasAdditions)) return verdict;
  return { ...verdict, operations: [...(precedence === undefined ? [] : [precedence]), ...(additions ?? [])] };
}

function additionsFor(config: DaemonConfig, prefix: PrefixView): readonly RouteOperation[] | undefined {
  if (config.prefixCommunities.length === 0) return undefined;
  return config.prefixCommunities.flatMap((entry) => (prefix.isIn(entry.prefix) ? entry.additions : []));
}
