import type { BGPFilter } from '@calico-node/model';
import type { Family } from '@calico-node/net';
import { bgpV1 } from '@calico-node/rpc';
import { byName, type BgpResources, type Complain } from './resources.ts';

type BGPFilterRule = NonNullable<BGPFilter['spec']['importV4']>[number];

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
    const imports = [...rules(spec.importV4, 4), ...rules(spec.importV6, 6)];
    const exports = [...rules(spec.exportV4, 4), ...rules(spec.exportV6, 6)];
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

function rules(list: readonly BGPFilterRule[] | undefined, family: Family): readonly bgpV1.FilterRule[] {
  return (list ?? []).map((rule) => renderRule(rule, family));
}

function renderRule(rule: BGPFilterRule, family: Family): bgpV1.FilterRule {
  return bgpV1.FilterRule.fromPartial({
    family,
    cidr: rule.cidr ?? '',
    matchOperator: matchOperator(rule.matchOperator),
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
