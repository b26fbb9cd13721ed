import type { Family } from '@calico-node/net';
import {
  readMatch,
  readOperations,
  type BgpFilterOperation,
  type BgpFilterRule,
  type FilterMatch,
} from '../derive/filter-match.ts';
import type { Complain } from '../derive/resources.ts';
import { addCommunity, birdCommunity } from './community.ts';
import { priorityCondition, setPriority } from './priority.ts';
import type { Lines } from './syntax.ts';

export type Direction = 'import' | 'export';

/** Interface patterns that the store admits, which are BIRD's as well. */
const INTERFACE_PATTERN = /^(\*|[a-zA-Z0-9_.*-]{1,15})$/;

/**
 * One rule as a statement; nothing where it matches no route. A rule that can't be read rejects everything
 * that reaches it: letting it pass could leak routes.
 */
export function renderRule(
  rule: BgpFilterRule,
  direction: Direction,
  family: Family,
  subject: string,
  complain: Complain,
): Lines {
  const conditions = conditionsOf(rule, family, subject, complain);
  if (conditions === undefined) return ['reject;'];
  if (conditions.includes(NEVER)) return [];
  const body =
    rule.action === 'Accept'
      ? [...readOperations(rule, subject, complain).flatMap((one) => operate(one, direction)), 'accept;']
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
  const { interface: pattern = '', communities, asPathPrefix = [], priority } = rule;
  const values = (communities?.values ?? []).flatMap((text) => birdCommunity(text) ?? []);
  if (pattern !== '' && !INTERFACE_PATTERN.test(pattern)) {
    complain(subject, 'a rule with an unreadable interface rejects everything');
    return undefined;
  }
  return [
    ...(match === 'any' ? [] : [prefixCondition(match)]),
    ...(rule.source === 'RemotePeers' ? ['(source = RTS_BGP)'] : []),
    ...(pattern === '' ? [] : [`(ifname ~ "${pattern}")`]),
    ...(rule.peerType === 'iBGP' ? ['internal_peer'] : []),
    ...(rule.peerType === 'eBGP' ? ['!internal_peer'] : []),
    ...values.map(({ literal, attribute }) => `(${literal} ~ ${attribute})`),
    ...(asPathPrefix.length === 0 ? [] : [`(bgp_path ~ [= ${asPathPrefix.join(' ')} * =])`]),
    ...(priority === undefined ? [] : [priorityCondition(priority)]),
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

function operate(operation: BgpFilterOperation, direction: Direction): Lines {
  if (operation.prependASPath !== undefined) {
    // Each goes before those that are there, so the last comes first.
    return operation.prependASPath.prefix.toReversed().map((asn) => `bgp_path.prepend(${asn});`);
  }
  if (operation.setPriority !== undefined) return [setPriority(operation.setPriority.value, direction)];
  const community = birdCommunity(operation.addCommunity?.value ?? '');
  return community === undefined ? [] : [addCommunity(community)];
}
