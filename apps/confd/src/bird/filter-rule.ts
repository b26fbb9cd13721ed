import type { Family } from '@calico-node/net';
import { readMatch, type BgpFilterRule, type FilterMatch } from '../derive/filter-match.ts';
import type { Complain } from '../derive/resources.ts';
import { addCommunity, birdCommunity } from './community.ts';
import type { Lines } from './syntax.ts';

type Operation = NonNullable<BgpFilterRule['operations']>[number];

/** Interface patterns that the store admits, which are BIRD's as well. */
const INTERFACE_PATTERN = /^(\*|[a-zA-Z0-9_.*-]{1,15})$/;

/**
 * One rule as a statement; nothing where it matches no route. A rule that can't be read rejects everything
 * that reaches it: letting it pass could leak routes. Route priorities, which came after 3.32.1, are not
 * matched: such a rule applies only where it rejects.
 */
export function renderRule(rule: BgpFilterRule, family: Family, subject: string, complain: Complain): Lines {
  const conditions = conditionsOf(rule, family, subject, complain);
  if (conditions === undefined) return ['reject;'];
  if (conditions.includes(NEVER)) return [];
  if (rule.priority !== undefined) {
    complain(subject, 'a rule matches a priority, which BIRD does not know: applied only where it rejects');
    if (rule.action === 'Accept') return [];
  }
  const body =
    rule.action === 'Accept'
      ? [...(rule.operations ?? []).flatMap((operation) => operate(operation, subject, complain)), 'accept;']
      : ['reject;'];
  const real = conditions.filter((condition) => condition !== ALWAYS);
  return real.length === 0 ? body : [`if (${real.join(' && ')}) then { ${body.join(' ')} }`];
}

const ALWAYS = 'true';
const NEVER = 'false';

/** All must hold; nothing, with a complaint, where one can't be read. */
function conditionsOf(
  rule: BgpFilterRule,
  family: Family,
  subject: string,
  complain: Complain,
): readonly string[] | undefined {
  const match = readMatch(rule, family, subject, complain);
  if (match === undefined) return undefined;
  const { interface: pattern = '', communities, asPathPrefix = [] } = rule;
  const values = (communities?.values ?? []).map(birdCommunity);
  if ((pattern !== '' && !INTERFACE_PATTERN.test(pattern)) || values.includes(undefined)) {
    complain(subject, 'a rule with an unreadable interface or community rejects everything');
    return undefined;
  }
  return [
    ...(match === 'any' ? [] : [prefixCondition(match)]),
    ...(rule.source === 'RemotePeers' ? ['(source = RTS_BGP)'] : []),
    ...(pattern === '' ? [] : [`(ifname ~ "${pattern}")`]),
    ...(rule.peerType === 'iBGP' ? ['internal_peer'] : []),
    ...(rule.peerType === 'eBGP' ? ['!internal_peer'] : []),
    ...values.flatMap((value) => (value === undefined ? [] : [`(${value.literal} ~ ${value.attribute})`])),
    ...(asPathPrefix.length === 0 ? [] : [`(bgp_path ~ [= ${asPathPrefix.join(' ')} * =])`]),
  ];
}

function prefixCondition({ operator, cidr, lengths }: FilterMatch): string {
  const isNone = lengths !== undefined && lengths.min > lengths.max;
  const set = lengths === undefined ? cidr : `[ ${cidr}{${lengths.min},${lengths.max}} ]`;
  switch (operator) {
    case 'Equal':
      return `(net = ${cidr})`;
    case 'NotEqual':
      return `(net != ${cidr})`;
    case 'In':
      return isNone ? NEVER : `(net ~ ${set})`;
    case 'NotIn':
      return isNone ? ALWAYS : `(net !~ ${set})`;
  }
}

function operate(operation: Operation, subject: string, complain: Complain): Lines {
  if (operation.prependASPath !== undefined) {
    // Each goes before those that are there, so the last comes first.
    return operation.prependASPath.prefix.toReversed().map((asn) => `bgp_path.prepend(${asn});`);
  }
  const community = birdCommunity(operation.addCommunity?.value ?? '');
  if (community !== undefined) return [addCommunity(community)];
  complain(subject, 'an operation is left out: BIRD knows no priorities, and communities must be readable');
  return [];
}
