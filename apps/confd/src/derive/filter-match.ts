import type { BGPFilter } from '@calico-node/model';
import { familyOf, splitCidr, type Cidr, type Family } from '@calico-node/net';
import { readCidr, type Complain } from './resources.ts';

/** One rule of a BGPFilter, of either family. */
export type BgpFilterRule = NonNullable<BGPFilter['spec']['importV4']>[number];

/** Which prefixes a rule is for. */
export interface FilterMatch {
  readonly operator: 'Equal' | 'NotEqual' | 'In' | 'NotIn';
  readonly cidr: Cidr;
  /** With In and NotIn: the lengths that count as being in, both included; none do when min exceeds max. */
  readonly lengths: { readonly min: number; readonly max: number } | undefined;
}

/** A rule's condition on the prefix; `any` where it has none, and nothing, with a complaint, for an unreadable one. */
export function readMatch(
  rule: BgpFilterRule,
  family: Family,
  subject: string,
  complain: Complain,
): FilterMatch | 'any' | undefined {
  const text = rule.cidr ?? '';
  if (text === '') return 'any';
  const cidr = readCidr(text, subject, complain);
  const operator = operatorOf(rule.matchOperator);
  if (cidr === undefined || familyOf(cidr) !== family || operator === undefined) {
    complain(subject, `the rule for "${text}" can't be applied: it rejects everything`);
    return undefined;
  }
  return { operator, cidr, lengths: lengthsOf(rule, cidr) };
}

function lengthsOf({ prefixLength }: BgpFilterRule, cidr: Cidr): FilterMatch['lengths'] {
  if (prefixLength === undefined) return undefined;
  const longest = familyOf(cidr) === 4 ? 32 : 128;
  return {
    min: Math.max(splitCidr(cidr).prefixLength, prefixLength.min ?? 0),
    max: Math.min(longest, prefixLength.max ?? longest),
  };
}

function operatorOf(text: string | undefined): FilterMatch['operator'] | undefined {
  return (['Equal', 'NotEqual', 'In', 'NotIn'] as const).find((operator) => operator === text);
}
