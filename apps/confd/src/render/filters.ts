import type { BGPFilter } from '@calico-node/model';
import type { Family } from '@calico-node/net';
import { bgpV1 } from '@calico-node/rpc';
import { readMatch, type BgpFilterRule, type FilterMatch } from '../derive/filter-match.ts';
import type { Complain } from '../derive/resources.ts';

/** Conditions of releases after 3.32.1. */
const BEYOND = ['peerType', 'communities', 'asPathPrefix', 'priority', 'operations'] as const;

/** A BGPFilter's name in each direction. */
export const importName = (name: string): string => `${name}.import`;
export const exportName = (name: string): string => `${name}.export`;

/**
 * Two filters per BGPFilter, `<name>.import` and `<name>.export`, each with its IPv4 and IPv6 rules; none
 * for a direction without rules.
 */
export function renderFilters(filters: readonly BGPFilter[], complain: Complain): readonly bgpV1.Filter[] {
  return filters.flatMap(({ metadata, spec }) => {
    const render = (list: readonly BgpFilterRule[] | undefined, family: Family): readonly bgpV1.FilterRule[] =>
      renderRules(list, family, `BGPFilter(${metadata.name})`, complain);
    return [
      { name: importName(metadata.name), rules: [...render(spec.importV4, 4), ...render(spec.importV6, 6)] },
      { name: exportName(metadata.name), rules: [...render(spec.exportV4, 4), ...render(spec.exportV6, 6)] },
    ].filter(({ rules }) => rules.length > 0);
  });
}

function renderRules(
  list: readonly BgpFilterRule[] | undefined,
  family: Family,
  subject: string,
  complain: Complain,
): readonly bgpV1.FilterRule[] {
  return (list ?? []).flatMap((rule) => {
    const beyond = BEYOND.filter((field) => rule[field] !== undefined);
    if (beyond.length === 0) return renderRule(rule, family, subject, complain);
    complain(subject, `a rule has ${beyond.join(', ')}, which the daemon can't match: applied only where it rejects`);
    return rule.action === 'Reject' ? renderRule(rule, family, subject, complain) : [];
  });
}

/** A rule that can't be read rejects everything that reaches it: letting it pass could leak routes. */
function renderRule(rule: BgpFilterRule, family: Family, subject: string, complain: Complain): bgpV1.FilterRule {
  const match = readMatch(rule, family, subject, complain);
  if (match === undefined) return bgpV1.FilterRule.fromPartial({ family, action: bgpV1.FilterAction.REJECT });
  return bgpV1.FilterRule.fromPartial({
    family,
    ...(match === 'any' ? {} : renderMatch(match)),
    interfacePattern: rule.interface ?? '',
    onlyRemotePeers: rule.source === 'RemotePeers',
    action: rule.action === 'Accept' ? bgpV1.FilterAction.ACCEPT : bgpV1.FilterAction.REJECT,
  });
}

const operators: Readonly<Record<FilterMatch['operator'], bgpV1.MatchOperator>> = {
  Equal: bgpV1.MatchOperator.EQUAL,
  NotEqual: bgpV1.MatchOperator.NOT_EQUAL,
  In: bgpV1.MatchOperator.IN,
  NotIn: bgpV1.MatchOperator.NOT_IN,
};

function renderMatch({ operator, cidr, lengths }: FilterMatch): Partial<bgpV1.FilterRule> {
  return { cidr, matchOperator: operators[operator], minLength: lengths?.min, maxLength: lengths?.max };
}
