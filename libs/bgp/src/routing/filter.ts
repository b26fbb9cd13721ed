/**
 * BGP filters as Calico's BGPFilter resource means them (calico-confd 6.3): a list of rules, of which the
 * first that matches decides; a filter that decides nothing hands on to the next.
 */
import { splitCidr, type Cidr, type Family } from '@calico-node/net';
import type { AsPath } from '../wire/as-path.ts';
import type { PathAttributes } from '../wire/path-attributes.ts';
import type { ParsedCommunity } from './communities.ts';
import { carriesCommunity, type RouteOperation } from './operations.ts';
import { matchesPattern } from './pattern.ts';
import type { PrefixView } from './prefix-view.ts';
import { priorityOf } from './priority.ts';

export type FilterVerdict = 'accept' | 'reject';

export interface FilterRule {
  readonly family: Family;
  readonly action: FilterVerdict;
  readonly match?:
    | {
        readonly operator: 'equal' | 'not-equal' | 'in' | 'not-in';
        readonly cidr: Cidr;
        /** With `in` and `not-in`: only prefixes of this length; BIRD's `[cidr{min,max}]`. */
        readonly minLength?: number;
        readonly maxLength?: number;
      }
    | undefined;
  readonly interfacePattern?: string | undefined;
  /** Only routes that came over BGP. */
  readonly onlyRemotePeers: boolean;
  /** The route carries all of these. */
  readonly communities?: readonly ParsedCommunity[];
  /** The route's path begins with these AS numbers. */
  readonly asPathPrefix?: readonly number[];
  readonly priority?: number | undefined;
  /** The priority of routes without one of their own; 1024 unless given. */
  readonly normalPriority?: number;
  /** What changes in a route that the rule accepts. */
  readonly operations?: readonly RouteOperation[];
}

export interface Filter {
  readonly name: string;
  readonly rules: readonly FilterRule[];
}

/** What a filter can ask about a route. */
export interface FilterSubject {
  readonly prefix: PrefixView;
  /** The route came over BGP. */
  readonly fromPeer: boolean;
  readonly interfaceName?: string | undefined;
  /** A route of the kernel through a gateway. */
  readonly isForwarding?: boolean;
  /** What carries the route's attributes: they may be decoded only when they are asked for. */
  readonly route: {
    readonly attributes: PathAttributes;
    /** They are as they came. */
    readonly isPlain?: boolean;
  };
}

function matchesPrefix(
  prefix: PrefixView,
  { operator, cidr, minLength, maxLength }: NonNullable<FilterRule['match']>,
): boolean {
  if (operator === 'equal') return isExactly(prefix, cidr);
  if (operator === 'not-equal') return !isExactly(prefix, cidr);
  const isIn =
    prefix.isIn(cidr) &&
    (minLength === undefined || prefix.length >= minLength) &&
    (maxLength === undefined || prefix.length <= maxLength);
  return isIn === (operator === 'in');
}

function isExactly(prefix: PrefixView, cidr: Cidr): boolean {
  return prefix.isIn(cidr) && prefix.length === splitCidr(cidr).prefixLength;
}

export function matchesRule(rule: FilterRule, subject: FilterSubject): boolean {
  if (rule.family !== subject.prefix.family) return false;
  if (rule.match !== undefined && !matchesPrefix(subject.prefix, rule.match)) return false;
  if (rule.onlyRemotePeers && !subject.fromPeer) return false;
  const { interfaceName } = subject;
  const { interfacePattern: pattern, communities, asPathPrefix, priority } = rule;
  if (pattern !== undefined && (interfaceName === undefined || !matchesPattern(interfaceName, pattern))) return false;
  // Attributes are not decoded for a rule that does not ask for them.
  if (isEmpty(communities) && isEmpty(asPathPrefix) && priority === undefined) return true;
  const { attributes } = subject.route;
  return (
    (communities ?? []).every((community) => carriesCommunity(attributes, community)) &&
    beginsWith(attributes.asPath, asPathPrefix ?? []) &&
    (priority === undefined || priority === priorityOf(attributes, rule.normalPriority))
  );
}

function isEmpty(list: readonly unknown[] | undefined): boolean {
  return list === undefined || list.length === 0;
}

/** A set stands for any of its members, as in BIRD's path masks. */
function beginsWith(path: AsPath, prefix: readonly number[]): boolean {
  const steps = path.flatMap(({ kind, asns }) => (kind === 'sequence' ? asns.map((asn) => [asn]) : [asns]));
  return prefix.every((asn, index) => steps[index]?.includes(asn) === true);
}

/** The first rule that matches, over all filters in order: it decides. */
export function decidingRule(filters: readonly Filter[], subject: FilterSubject): FilterRule | undefined {
  for (const { rules } of filters) {
    for (const rule of rules) if (matchesRule(rule, subject)) return rule;
  }
  return undefined;
}
