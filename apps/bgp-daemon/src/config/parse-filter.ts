import { normalPriority, type FilterRule, type RouteOperation } from '@calico-node/bgp';
import type { Family } from '@calico-node/net';
import { bgpV1 } from '@calico-node/rpc';
import { asn, BgpConfigError, cidr, community } from './fields.ts';

const operators: Readonly<Partial<Record<bgpV1.MatchOperator, NonNullable<FilterRule['match']>['operator']>>> = {
  [bgpV1.MatchOperator.EQUAL]: 'equal',
  [bgpV1.MatchOperator.NOT_EQUAL]: 'not-equal',
  [bgpV1.MatchOperator.IN]: 'in',
  [bgpV1.MatchOperator.NOT_IN]: 'not-in',
};

const actions: Readonly<Partial<Record<bgpV1.FilterAction, FilterRule['action']>>> = {
  [bgpV1.FilterAction.ACCEPT]: 'accept',
  [bgpV1.FilterAction.REJECT]: 'reject',
};

/** Calico's priorities leave room on both sides (BGPFilter, `priority`). */
const maxPriority = 2_147_483_646;

/** @throws BgpConfigError */
export function filterRule(rule: bgpV1.FilterRule, path: string, normal: Readonly<Record<Family, number>>): FilterRule {
  if (rule.family !== 4 && rule.family !== 6) throw new BgpConfigError(`${path}.family`, 'must be 4 or 6');
  const action = actions[rule.action];
  if (action === undefined) throw new BgpConfigError(`${path}.action`, 'must be accept or reject');
  if (action === 'reject' && rule.operations.length > 0)
    throw new BgpConfigError(`${path}.operations`, 'are only possible with accept');
  return {
    family: rule.family,
    action,
    match: match(rule, path),
    interfacePattern: rule.interfacePattern === '' ? undefined : rule.interfacePattern,
    onlyRemotePeers: rule.onlyRemotePeers,
    communities: rule.communities.map((text, index) => community(text, `${path}.communities[${index}]`)),
    asPathPrefix: asns(rule.asPathPrefix, `${path}.as_path_prefix`),
    priority: rule.priority === 0 ? undefined : priority(rule.priority, `${path}.priority`),
    normalPriority: normal[rule.family] === 0 ? normalPriority : normal[rule.family],
    operations: rule.operations.map((one, index) => operation(one, `${path}.operations[${index}]`)),
  };
}

function match(rule: bgpV1.FilterRule, path: string): FilterRule['match'] {
  if (rule.cidr === '') return undefined;
  const operator = operators[rule.matchOperator];
  if (operator === undefined) throw new BgpConfigError(`${path}.match_operator`, 'is needed with a cidr');
  return {
    operator,
    cidr: cidr(rule.cidr, `${path}.cidr`),
    ...(rule.minLength === undefined ? {} : { minLength: rule.minLength }),
    ...(rule.maxLength === undefined ? {} : { maxLength: rule.maxLength }),
  };
}

function operation({ addCommunity, prependAsPath, setPriority }: bgpV1.FilterOperation, path: string): RouteOperation {
  const given = [addCommunity !== '', prependAsPath.length > 0, setPriority !== 0].filter(Boolean);
  if (given.length !== 1)
    throw new BgpConfigError(path, 'needs exactly one of add_community, prepend_as_path and set_priority');
  if (addCommunity !== '')
    return { kind: 'add-community', community: community(addCommunity, `${path}.add_community`) };
  if (setPriority !== 0) return { kind: 'set-priority', priority: priority(setPriority, `${path}.set_priority`) };
  return { kind: 'prepend-as-path', asns: asns(prependAsPath, `${path}.prepend_as_path`) };
}

function asns(values: readonly number[], path: string): readonly number[] {
  return values.map((value, index) => asn(value, `${path}[${index}]`));
}

/** @throws BgpConfigError */
export function priority(value: number, path: string): number {
  if (value > maxPriority) throw new BgpConfigError(path, `must be at most ${maxPriority}`);
  return value;
}
