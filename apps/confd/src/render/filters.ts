import type { BGPFilter } from '@calico-node/model';
import type { Family } from '@calico-node/net';
import { bgpV1 } from '@calico-node/rpc';
import {
  readMatch,
  readOperations,
  type BgpFilterOperation,
  type BgpFilterRule,
  type FilterMatch,
} from '../derive/filter-match.ts';
import type { Complain } from '../derive/resources.ts';

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
          ...rulesFor(v4, kind).map((rule) => renderRule(rule, 4, subject, complain)),
          ...rulesFor(v6, kind).map((rule) => renderRule(rule, 6, subject, complain)),
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

/** A rule that can't be read rejects everything that reaches it: letting it pass could leak routes. */
function renderRule(rule: BgpFilterRule, family: Family, subject: string, complain: Complain): bgpV1.FilterRule {
  const match = readMatch(rule, family, subject, complain);
  if (match === undefined) return bgpV1.FilterRule.fromPartial({ family, action: bgpV1.FilterAction.REJECT });
  return bgpV1.FilterRule.fromPartial({
    family,
    ...(match === 'any' ? {} : renderMatch(match)),
    interfacePattern: rule.interface ?? '',
    onlyRemotePeers: rule.source === 'RemotePeers',
    communities: [...(rule.communities?.values ?? [])],
    asPathPrefix: [...(rule.asPathPrefix ?? [])],
    priority: rule.priority ?? 0,
    ...(rule.action === 'Accept'
      ? {
          action: bgpV1.FilterAction.ACCEPT,
          operations: readOperations(rule, subject, complain).map(renderOperation),
        }
      : { action: bgpV1.FilterAction.REJECT }),
  });
}

function renderOperation({
  addCommunity,
  prependASPath,
  setPriority,
}: BgpFilterOperation): Partial<bgpV1.FilterOperation> {
  return {
    addCommunity: addCommunity?.value ?? '',
    prependAsPath: [...(prependASPath?.prefix ?? [])],
    setPriority: setPriority?.value ?? 0,
  };
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
