import type { BGPFilter } from '@calico-node/model';
import type { Family } from '@calico-node/net';
import { bgpV1 } from '@calico-node/rpc';
import { readMatch, type BgpFilterRule, type FilterMatch } from '../derive/filter-match.ts';
import type { Complain } from '../derive/resources.ts';

/** Conditions of releases after 3.32.1. */
const BEYOND = ['communities', 'asPathPrefix', 'priority', 'operations'] as const;

type PeerType = NonNullable<BgpFilterRule['peerType']>;
type Direction = 'import' | 'export';

/**
 * The names of a session's filters in a direction, of those that were rendered: a filter that asks what the peer is
 * exists once for each answer.
 */
export function filterNames(
  filters: readonly string[],
  direction: Direction,
  isInternal: boolean,
  rendered: ReadonlySet<string>,
): string[] {
  return filters
    .flatMap((name) => [nameOf(name, direction), nameOf(name, direction, isInternal ? 'iBGP' : 'eBGP')])
    .filter((name) => rendered.has(name));
}

function nameOf(name: string, direction: Direction, peerType?: PeerType): string {
  return peerType === undefined ? `${name}.${direction}` : `${name}.${direction}.${peerType}`;
}

/**
 * Filters for each direction of a BGPFilter, `<name>.import` and `<name>.export`, with its IPv4 and IPv6 rules; none
 * for a direction without rules, and two, `….iBGP` and `….eBGP`, where rules are for one kind of peer.
 */
export function renderFilters(filters: readonly BGPFilter[], complain: Complain): readonly bgpV1.Filter[] {
  return filters.flatMap(({ metadata: { name }, spec }) => {
    const subject = `BGPFilter(${name})`;
    const render = (direction: Direction, v4: readonly BgpFilterRule[] = [], v6: readonly BgpFilterRule[] = []) => {
      const isAsking = [...v4, ...v6].some(({ peerType }) => peerType !== undefined);
      const kinds: readonly (PeerType | undefined)[] = isAsking ? ['iBGP', 'eBGP'] : [undefined];
      return kinds.map((kind) => ({
        name: nameOf(name, direction, kind),
        rules: [
          ...renderRules(rulesFor(v4, kind), 4, subject, complain),
          ...renderRules(rulesFor(v6, kind), 6, subject, complain),
        ],
      }));
    };
    return [
      ...render('import', spec.importV4, spec.importV6),
      ...render('export', spec.exportV4, spec.exportV6),
    ].filter(({ rules }) => rules.length > 0);
  });
}

function rulesFor(rules: readonly BgpFilterRule[], kind: PeerType | undefined): readonly BgpFilterRule[] {
  return rules.filter(({ peerType }) => peerType === undefined || peerType === kind);
}

function renderRules(
  list: readonly BgpFilterRule[],
  family: Family,
  subject: string,
  complain: Complain,
): readonly bgpV1.FilterRule[] {
  return list.flatMap((rule) => {
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
