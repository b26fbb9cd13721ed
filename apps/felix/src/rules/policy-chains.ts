import type { Family } from '@calico-node/net';
import type { PolicyUpdate, ProfileUpdate } from '../calc/intents.ts';
import type { ParsedRule } from '../calc/parsed-rule.ts';
import { chain, rule } from './build.ts';
import { flowLogOfRule, type FlowLogOwner } from './flow-logs.ts';
import { withLogPrefix } from './log-prefix.ts';
import { clearMarks } from './matches.ts';
import type { Action, Chain, Layer, Rule } from './model.ts';
import { policyChainName, profileChainName, type Direction } from './names.ts';
import type { RuleOptions } from './options.ts';
import { renderPolicyRules } from './look-ups.ts';

/** Where a policy or a profile has a chain. */
export interface ChainPlace {
  readonly layer: Layer;
  readonly direction: Direction;
}

const everyPlace: readonly ChainPlace[] = (['raw', 'mangle', 'filter'] as const).flatMap((layer) => [
  { layer, direction: 'ingress' },
  { layer, direction: 'egress' },
]);

/**
 * The layers and directions that a policy is asked in. Host endpoints' egress policy is asked in mangle too, of packets
 * whose destination has been translated.
 */
export function placesOfPolicy({
  stage,
  isForHosts,
}: Pick<PolicyUpdate, 'stage' | 'isForHosts'>): readonly ChainPlace[] {
  return everyPlace.filter(({ layer, direction }) => {
    switch (stage) {
      case 'untracked':
        return layer === 'raw';
      case 'pre-dnat':
        return layer === 'mangle' && direction === 'ingress';
      case 'normal':
        return layer === 'filter' || (layer === 'mangle' && direction === 'egress' && isForHosts);
    }
  });
}

/** As `placesOfPolicy`. */
export function placesOfProfile({ isForHosts }: Pick<ProfileUpdate, 'isForHosts'>): readonly ChainPlace[] {
  return placesOfPolicy({ stage: 'normal', isForHosts });
}

/** Places where a chain may have been before, and is no longer. */
export function otherPlaces(places: readonly ChainPlace[]): readonly ChainPlace[] {
  return everyPlace.filter((place) => !places.includes(place));
}

/** The policy's chains. Each marks accepted or passed and returns, drops, or leaves the packet as it is. */
export function renderPolicyChains(update: PolicyUpdate, family: Family, common: RuleOptions): readonly Chain[] {
  const { kind, namespace, name } = update.policy;
  const shortKind = update.id.slice(0, update.id.indexOf('/'));
  const options = withLogPrefix(common, { tier: update.tier, kind: shortKind, namespace, name });
  const title = `${kind} ${namespace === undefined ? name : `${namespace}/${name}`}`;
  return placesOfPolicy(update).map(({ layer, direction }) => {
    const chainName = policyChainName(update.id, direction, options.maxChainNameLength);
    const owner = { type: 'policy', id: update.id } as const;
    return renderRules({ layer, direction }, chainName, title, update[direction], owner, family, options);
  });
}

/**
 * The profile's chains, of the same manner. The packet may come with the pass mark of a
 * tier's policy, which a profile's own Pass must not be mistaken for.
 */
export function renderProfileChains(update: ProfileUpdate, family: Family, common: RuleOptions): readonly Chain[] {
  const options = withLogPrefix(common, { kind: 'pro', name: update.name });
  return placesOfProfile(update).map(({ layer, direction }) => {
    const name = profileChainName(update.name, direction, options.maxChainNameLength);
    const passes = update[direction].some(({ action }) => action === 'pass');
    const before = passes ? [rule([], clearMarks(options.marks.pass))] : [];
    const owner = { type: 'profile', id: update.name } as const;
    const title = `Profile ${update.name}`;
    return renderRules({ layer, direction }, name, title, update[direction], owner, family, options, before);
  });
}

function renderRules(
  { layer, direction }: ChainPlace,
  name: string,
  owned: string,
  parsed: readonly ParsedRule[],
  owner: FlowLogOwner,
  family: Family,
  options: RuleOptions,
  before: readonly Rule[] = [],
): Chain {
  const title = `${owned} ${direction}`;
  const flowLogOf =
    options.flowLogs && layer === 'filter'
      ? ({ action }: ParsedRule, index: number): Action => flowLogOfRule(owner, direction, index, action)
      : undefined;
  const rules = [...before, ...renderPolicyRules(parsed, family, options, layer, flowLogOf)];
  const [first, ...rest] = rules;
  // The title sits on the first rule, so that a chain can be told from its rules alone.
  const titled =
    first === undefined
      ? [rule([], { kind: 'none' }, title)]
      : [rule(first.matches, first.action, joinComments(title, first.comment)), ...rest];
  return chain(layer, name, titled);
}

function joinComments(first: string, second: string | undefined): string {
  return second === undefined ? first : `${first}; ${second}`;
}
