/**
 * The decision process: RFC 4271 9.1.2.2 with RFC 4456 9. Before its phase 2 stands what every router
 * has: the node's own routes (the kernel's, then static ones) win over those that peers tell of. Only a peer's route
 * whose LOCAL_PREF stands for a better metric than the kernel's route has (see priority.ts) wins over that.
 */
import { ipToBytes } from '@calico-node/net';
import { asPathLength, neighborAs } from '../wire/as-path.ts';
import { origins, type PathAttributes } from '../wire/path-attributes.ts';
import { isLongLivedStale } from './long-lived.ts';
import { localPrefFor } from './priority.ts';
import type { RouteSource } from './route-source.ts';

/** RFC 4271 9.1.1 leaves the value for routes without LOCAL_PREF to the speaker; all use this one. */
export const defaultLocalPref = 100;

export interface Candidate {
  readonly attributes: PathAttributes;
  readonly source: RouteSource;
  /** Cost of reaching the next hop (RFC 4271 9.1.2.2 e); unresolvable paths must not be given at all. */
  readonly igpMetric: number;
  /** Tells apart what one peer has told of (RFC 7911); its number means nothing. */
  readonly pathId?: number;
}

/** Why the first path of two won; `tie` when nothing tells them apart. */
export type DecisionStep =
  | 'source'
  | 'stale'
  | 'local-pref'
  | 'as-path'
  | 'origin'
  | 'med'
  | 'external'
  | 'igp-metric'
  | 'router-id'
  | 'cluster-list'
  | 'address'
  | 'path-id'
  | 'tie';

export interface Comparison {
  /** Below zero: the first path is better. */
  readonly order: number;
  readonly step: DecisionStep;
}

const sourceRank: Readonly<Record<RouteSource['kind'], number>> = { kernel: 0, static: 1, bgp: 2 };

function compareSources(a: Candidate, b: Candidate): number {
  const order = sourceRank[a.source.kind] - sourceRank[b.source.kind];
  if (order === 0) return 0;
  if (a.source.kind === 'bgp') return -compareToPeers(b, a, -order);
  return b.source.kind === 'bgp' ? compareToPeers(a, b, order) : order;
}

/** @param usual the order of one of the node's own routes and a peer's by their sources alone */
function compareToPeers(own: Candidate, { attributes }: Candidate, usual: number): number {
  const { priority, localPref } = attributes;
  if (priority === undefined || localPref !== localPrefFor(priority)) return usual;
  return own.attributes.priority !== undefined && own.attributes.priority <= priority ? usual : 1;
}

function routerIdOf({ attributes, source }: Candidate): number {
  // RFC 4456 9: ORIGINATOR_ID stands in for the peer's identifier.
  return attributes.originatorId ?? (source.kind === 'bgp' ? source.routerId : 0);
}

function compareAddress(a: RouteSource, b: RouteSource): number {
  if (a.kind !== 'bgp' || b.kind !== 'bgp') return 0;
  const [left, right] = [ipToBytes(a.address), ipToBytes(b.address)];
  if (left.length !== right.length) return left.length - right.length;
  for (const [index, octet] of left.entries()) {
    const difference = octet - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * Compares two paths. MED counts only between paths from the same AS (RFC 4271 9.1.2.2 c), which makes
 * the order of more than two paths intransitive: use {@link selectBest} for those.
 */
export function comparePaths(a: Candidate, b: Candidate): Comparison {
  const [x, y] = [a.attributes, b.attributes];
  let order = compareSources(a, b);
  if (order !== 0) return { order, step: 'source' };
  // RFC 9494 4.3: what is only kept for want of better comes last.
  order = Number(isLongLivedStale(x.communities)) - Number(isLongLivedStale(y.communities));
  if (order !== 0) return { order, step: 'stale' };
  order = (y.localPref ?? defaultLocalPref) - (x.localPref ?? defaultLocalPref);
  if (order !== 0) return { order, step: 'local-pref' };
  order = asPathLength(x.asPath) - asPathLength(y.asPath); // 9.1.2.2 a
  if (order !== 0) return { order, step: 'as-path' };
  order = origins.indexOf(x.origin) - origins.indexOf(y.origin); // b
  if (order !== 0) return { order, step: 'origin' };
  if (neighborAs(x.asPath) === neighborAs(y.asPath)) {
    order = (x.med ?? 0) - (y.med ?? 0); // c: a missing MED is the lowest
    if (order !== 0) return { order, step: 'med' };
  }
  order = Number(isInternal(a)) - Number(isInternal(b)); // d
  if (order !== 0) return { order, step: 'external' };
  order = a.igpMetric - b.igpMetric; // e
  if (order !== 0) return { order, step: 'igp-metric' };
  order = routerIdOf(a) - routerIdOf(b); // f
  if (order !== 0) return { order, step: 'router-id' };
  order = (x.clusterList?.length ?? 0) - (y.clusterList?.length ?? 0); // RFC 4456 9
  if (order !== 0) return { order, step: 'cluster-list' };
  order = compareAddress(a.source, b.source); // g
  if (order !== 0) return { order, step: 'address' };
  // Of several paths of one peer that are alike, always the same one: which came first must not matter.
  order = ((a.pathId ?? 0) >>> 0) - ((b.pathId ?? 0) >>> 0);
  return { order, step: order === 0 ? 'tie' : 'path-id' };
}

const tieBreakers: ReadonlySet<DecisionStep> = new Set<DecisionStep>([
  'router-id',
  'cluster-list',
  'address',
  'path-id',
  'tie',
]);

/** Whether two paths are as good as each other for forwarding: nothing before RFC 4271 9.1.2.2 f tells them apart. */
export function isEquallyGood(a: Candidate, b: Candidate): boolean {
  return tieBreakers.has(comparePaths(a, b).step);
}

function isInternal({ source }: Candidate): boolean {
  return source.kind === 'bgp' && !source.external;
}

/** Whether another path with the same everything up to its neighbour has a lower MED (9.1.2.2 c). */
function isBeatenByMed(path: Candidate, all: readonly Candidate[]): boolean {
  return all.some(
    (other) => other !== path && comparePaths(other, path).order < 0 && comparePaths(other, path).step === 'med',
  );
}

/**
 * The index of the best path, -1 of none. The outcome does not depend on the order of the paths: those
 * beaten by a MED of their own neighbouring AS go first, as RFC 4271 9.1.2.2's elimination asks.
 */
export function selectBest(candidates: readonly Candidate[]): number {
  if (candidates.length < 2) return candidates.length - 1;
  let best = -1;
  for (const [index, candidate] of candidates.entries()) {
    if (candidates.length > 2 && isBeatenByMed(candidate, candidates)) continue;
    const incumbent = candidates[best];
    if (incumbent === undefined || comparePaths(candidate, incumbent).order < 0) best = index;
  }
  return best;
}
