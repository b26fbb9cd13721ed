import type { BGPFilter } from '@calico-node/model';
import type { Family } from '@calico-node/net';
import { bgpV1 } from '@calico-node/rpc';
import { byName, readCidr, type BgpResources, type Complain } from './resources.ts';

type BGPFilterRule = NonNullable<BGPFilter['spec']['importV4']>[number];

/** Conditions of releases after 3.32.1. */
const BEYOND = ['peerType', 'communities', 'asPathPrefix', 'priority', 'operations'] as const;

/** The filters that exist, and how neighbours refer to them. */
export interface FilterNames {
  /** A neighbour's filter lists; names of BGPFilters that don't exist are left out with a complaint. */
  of(names: readonly string[], subject: string): { readonly importFilters: string[]; readonly exportFilters: string[] };
}

/**
 * Two filters per BGPFilter, `<name>.import` and `<name>.export`, each with its IPv4 and IPv6 rules; none
 * for a direction without rules.
 */
export function renderFilters(
  filters: BgpResources['filters'],
  complain: Complain,
): { readonly filters: readonly bgpV1.Filter[]; readonly names: FilterNames } {
  const rendered = new Map<string, bgpV1.Filter>();
  for (const { metadata, spec } of byName(filters)) {
    const render = (list: readonly BGPFilterRule[] | undefined, family: Family): readonly bgpV1.FilterRule[] =>
      rules(list, family, `BGPFilter(${metadata.name})`, complain);
    const imports = [...render(spec.importV4, 4), ...render(spec.importV6, 6)];
    const exports = [...render(spec.exportV4, 4), ...render(spec.exportV6, 6)];
    if (imports.length > 0) add(rendered, { name: `${metadata.name}.import`, rules: imports });
    if (exports.length > 0) add(rendered, { name: `${metadata.name}.export`, rules: exports });
  }
  const known = new Set(filters.map((filter) => filter.metadata.name));
  const of: FilterNames['of'] = (names, subject) => {
    for (const name of names) if (!known.has(name)) complain(subject, `BGPFilter "${name}" does not exist: left out`);
    const direction = (suffix: string): string[] =>
      names.map((name) => `${name}.${suffix}`).filter((name) => rendered.has(name));
    return { importFilters: direction('import'), exportFilters: direction('export') };
  };
  return { filters: [...rendered.values()], names: { of } };
}

function add(filters: Map<string, bgpV1.Filter>, filter: bgpV1.Filter): void {
  filters.set(filter.name, filter);
}

function rules(
  list: readonly BGPFilterRule[] | undefined,
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
function renderRule(rule: BGPFilterRule, family: Family, subject: string, complain: Complain): bgpV1.FilterRule {
  const { cidr: text = '' } = rule;
  const operator = matchOperator(rule.matchOperator);
  const cidr = text === '' ? '' : readCidr(text, subject, complain);
  if (cidr === undefined || (cidr !== '' && operator === bgpV1.MatchOperator.UNSPECIFIED)) {
    complain(subject, `the rule for "${text}" can't be applied: it rejects everything`);
    return bgpV1.FilterRule.fromPartial({ family, action: bgpV1.FilterAction.REJECT });
  }
  return bgpV1.FilterRule.fromPartial({
    family,
    cidr,
    matchOperator: operator,
    minLength: rule.prefixLength?.min,
    maxLength: rule.prefixLength?.max,
    interfacePattern: rule.interface ?? '',
    onlyRemotePeers: rule.source === 'RemotePeers',
    action: rule.action === 'Accept' ? bgpV1.FilterAction.ACCEPT : bgpV1.FilterAction.REJECT,
  });
}

function matchOperator(operator: string | undefined): bgpV1.MatchOperator {
  switch (operator) {
    case 'Equal':
      return bgpV1.MatchOperator.EQUAL;
    case 'NotEqual':
      return bgpV1.MatchOperator.NOT_EQUAL;
    case 'In':
      return bgpV1.MatchOperator.IN;
    case 'NotIn':
      return bgpV1.MatchOperator.NOT_IN;
    default:
      return bgpV1.MatchOperator.UNSPECIFIED;
  }
}
