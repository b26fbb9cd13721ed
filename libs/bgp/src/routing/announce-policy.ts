/**
 * What leaves a Calico node: `calico_export_to_bgp_peers` of calico-confd 6.4 and `calico_aggr` of 6.5,
 * as a decision over typed rules instead of a rendered BIRD filter.
 */
import type { Family } from '@calico-node/net';
import type { PathAttributes } from '../wire/path-attributes.ts';
import { matchesPattern } from './pattern.ts';
import type { PrefixSet } from './prefix-set.ts';
import type { PrefixView } from './prefix-view.ts';
import { isElevated } from './priority.ts';

export interface AnnounceRules {
  /** Pools whose export is disabled. */
  readonly neverAnnounce: PrefixSet;
  /** The node's own blocks: announced themselves, while their more specifics are kept. */
  readonly aggregates: PrefixSet;
  /** Prefixes that the node originates besides, announced with all that lies in them. */
  readonly originated: PrefixSet;
  /** Pools and service ranges. */
  readonly announceWithin: PrefixSet;
  /** Pools whose routes to other nodes somebody else programs, and the other nodes announce. */
  readonly routedElsewhere: PrefixSet;
  /** Interface name patterns whose routes never leave. */
  readonly ignoredInterfaces: readonly string[];
  /** The metric of usual routes: one with a better metric leaves even out of a block. 0: none does. */
  readonly normalPriority: Readonly<Record<Family, number>>;
}

export interface AnnounceSubject {
  readonly prefix: PrefixView;
  readonly interfaceName?: string | undefined;
  /** A route of the kernel through a gateway. */
  readonly isForwarding?: boolean;
  readonly route?: { readonly attributes: PathAttributes };
}

export type AnnounceReason =
  | 'never-announce'
  | 'ignored-interface'
  | 'overlay-interface'
  | 'routed-elsewhere'
  | 'aggregate'
  | 'covered-by-aggregate'
  | 'elevated'
  | 'originated'
  | 'within'
  | 'not-within';

export interface AnnounceDecision {
  readonly announce: boolean;
  readonly reason: AnnounceReason;
}

/** Calico's overlay devices: their routes are the business of the node alone. */
const overlayInterfaces = ['*.cali', '*.calico', 'tunl0'];

/**
 * Whether a route may be announced. Routes that Felix programs towards other nodes' blocks, over its tunnels or, within
 * a subnet, past them, are those nodes' to announce. The order is Calico's; the first rule that applies decides.
 *
 * @param toInternalPeer the peer is in our own AS, or a node of the mesh: routes over overlay devices are kept from it.
 */
export function decideAnnouncement(
  rules: AnnounceRules,
  { prefix, interfaceName, isForwarding = false, route }: AnnounceSubject,
  toInternalPeer: boolean,
): AnnounceDecision {
  if (rules.neverAnnounce.covers(prefix)) return { announce: false, reason: 'never-announce' };
  if (interfaceName !== undefined) {
    if (rules.ignoredInterfaces.some((pattern) => matchesPattern(interfaceName, pattern))) {
      return { announce: false, reason: 'ignored-interface' };
    }
    const isOverlay = overlayInterfaces.some((pattern) => matchesPattern(interfaceName, pattern));
    if (isOverlay && (toInternalPeer || matchesPattern(interfaceName, 'bpf*.cali'))) {
      return { announce: false, reason: 'overlay-interface' };
    }
  }
  if (toInternalPeer && isForwarding && rules.routedElsewhere.covers(prefix)) {
    return { announce: false, reason: 'routed-elsewhere' };
  }
  if (rules.aggregates.has(prefix)) return { announce: true, reason: 'aggregate' };
  if (rules.aggregates.covers(prefix)) {
    const normal = rules.normalPriority[prefix.family];
    const mayLeave = route !== undefined && isElevated(route.attributes, normal);
    return mayLeave ? { announce: true, reason: 'elevated' } : { announce: false, reason: 'covered-by-aggregate' };
  }
  if (rules.originated.covers(prefix)) return { announce: true, reason: 'originated' };
  return rules.announceWithin.covers(prefix)
    ? { announce: true, reason: 'within' }
    : { announce: false, reason: 'not-within' };
}
