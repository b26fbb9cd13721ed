import type { BGPFilter } from '@calico-node/model';
import { parseCommunity } from '@calico-node/bgp';
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

/** One change that an accepting rule makes. */
export type BgpFilterOperation = NonNullable<BgpFilterRule['operations']>[number];

const MAX_ASN = 0xffff_ffff;
const MAX_PRIORITY = 2_147_483_646;

/**
 * A rule's condition on the prefix; `any` where it has none, and nothing, with a complaint, where a part of the rule
 * can't be read.
 */
export function readMatch(
  rule: BgpFilterRule,
  family: Family,
  subject: string,
  complain: Complain,
): FilterMatch | 'any' | undefined {
  if (!isReadable(rule)) {
    complain(subject, 'a rule with an unreadable community, AS number or priority rejects everything');
    return undefined;
  }
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

function isReadable({ communities, asPathPrefix = [], priority }: BgpFilterRule): boolean {
  return (
    (communities?.values ?? []).every((text) => parseCommunity(text) !== undefined) &&
    asPathPrefix.every(isAsn) &&
    (priority === undefined || isPriority(priority))
  );
}

function isAsn(value: number): boolean {
  return value > 0 && value <= MAX_ASN;
}

function isPriority(value: number): boolean {
  return value > 0 && value <= MAX_PRIORITY;
}

/** The changes that a rule makes; one that can't be read is left out, with a complaint. */
export function readOperations(
  { operations = [] }: BgpFilterRule,
  subject: string,
  complain: Complain,
): readonly BgpFilterOperation[] {
  return operations.filter(({ addCommunity, prependASPath, setPriority }) => {
    const isKnown =
      addCommunity !== undefined
        ? parseCommunity(addCommunity.value) !== undefined
        : prependASPath === undefined
          ? setPriority !== undefined && isPriority(setPriority.value)
          : prependASPath.prefix.length > 0 && prependASPath.prefix.every(isAsn);
    if (!isKnown) complain(subject, "an operation is left out: it can't be read");
    return isKnown;
  });
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
