import { comparePaths, isStrangeNextHop, type Candidate, type DecisionStep } from '@calico-node/bgp';
import { familyOf, type Cidr, type Family } from '@calico-node/net';
import type { Rib } from '../rib/rib.ts';
import type { NextHopCost, PathView } from '../rib/rib-views.ts';
import type { ExportExplanation } from '../rib/update-group.ts';
import type { Neighbor } from './neighbor.ts';

export interface RouteExplanation {
  /** The best first. */
  readonly paths: readonly { readonly path: PathView; readonly isBest: boolean; readonly verdict: string }[];
  readonly exports: readonly ({ readonly peer: string } & ExportExplanation)[];
}

/** What decided between two paths (RFC 4271 9.1.2.2), from the loser's side. */
const losses: Readonly<Record<DecisionStep, string>> = {
  source: "the best one is this node's own",
  stale: 'it is only kept for want of better (long-lived stale)',
  'local-pref': 'its local preference is lower',
  'as-path': 'its AS path is longer',
  origin: 'its origin is worse',
  med: 'its MED is higher',
  external: 'it is from inside the AS',
  'igp-metric': 'its next hop is farther',
  'router-id': "its originator's router ID is higher",
  'cluster-list': 'its cluster list is longer',
  address: "its peer's address is higher",
  'path-id': 'the path identifier that its peer gave it is higher',
  tie: 'nothing tells the two apart',
};

/** Why a prefix is reached as it is, and who is told of it. */
export function explainRoute(
  prefix: Cidr,
  ribs: Readonly<Record<Family, Rib>>,
  neighbors: readonly Neighbor[],
  cost: NextHopCost,
): RouteExplanation {
  const family = familyOf(prefix);
  const rib = ribs[family];
  const id = rib.prefixes.findCidr(prefix);
  if (id < 0) return { paths: [], exports: [] };
  const best = rib.best(id);
  const paths = rib.paths(id).map((path) => ({
    path,
    isBest: path.path === best?.path,
    verdict: path.path === best?.path ? 'best' : verdictOn(path, best, cost, rib),
  }));
  return {
    paths: [...paths.filter(({ isBest }) => isBest), ...paths.filter(({ isBest }) => !isBest)],
    exports: neighbors.map((neighbor) => ({ peer: neighbor.config.name, ...neighbor.explainExport(family, id) })),
  };
}

function verdictOn(path: PathView, best: PathView | undefined, cost: NextHopCost, rib: Rib): string {
  const { nextHop } = path.set;
  if (path.filtered) return 'not used: an import filter rejects it';
  if (nextHop !== undefined) {
    const metric = cost(nextHop);
    if (metric === undefined) return `not used: next hop ${nextHop} cannot be reached`;
    if (isStrangeNextHop(path.source.route, nextHop, metric)) {
      return `not used: next hop ${nextHop} is neither the peer nor on a network of this node (RFC 4271 6.3)`;
    }
  }
  if (best === undefined) return 'not decided on yet';
  const { step } = comparePaths(candidate(best, cost, rib), candidate(path, cost, rib));
  if (step === 'source' && best.source.route.kind === 'bgp') return 'not best: its metric is worse';
  return `not best: ${losses[step]}`;
}

function candidate({ path, set, source }: PathView, cost: NextHopCost, rib: Rib): Candidate {
  const { attributes } = set;
  const igpMetric = set.nextHop === undefined ? 0 : (cost(set.nextHop) ?? 0);
  return { attributes, source: source.route, igpMetric, pathId: rib.pathIdOf(path) };
}
