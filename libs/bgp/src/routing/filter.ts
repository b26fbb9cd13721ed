/**
 * BGP filters as Calico's BGPFilter resource means them (calico-confd 6.3): a list of rules, of which the
 * first that matches decides; a filter that decides nothing hands on to the next.
 */
import { splitCidr, type Cidr, type Family } from '@calico-node/net';
import { matchesPattern } from './pattern.ts';
import type { PrefixView } from './prefix-view.ts';

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
  if (rule.interfacePattern === undefined) return true;
  return subject.interfaceName !== undefined && matchesPattern(subject.interfaceName, rule.interfacePattern);
}

/** The first matching rule's verdict over all filters in order; `undefined` if none matches. */
export function evaluateFilters(filters: readonly Filter[], subject: FilterSubject): FilterVerdict | undefined {
  for (const { rules } of filters) {
    for (const rule of rules) if (matchesRule(rule, subject)) return rule.action;
  }
  return undefined;
}
