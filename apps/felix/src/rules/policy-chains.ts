import type { Family } from '@calico-node/net';
import type { PolicyUpdate, ProfileUpdate } from '../calc/intents.ts';
import type { ParsedRule } from '../calc/parsed-rule.ts';
import { chain, rule } from './build.ts';
import type { Chain } from './model.ts';
import { policyChainName, profileChainName, type Direction } from './names.ts';
import type { RuleOptions } from './options.ts';
import { renderPolicyRule } from './policy-rules.ts';

/** The policy's ingress and egress chain. Each marks accepted or passed and returns, drops, or leaves the packet as it is. */
export function renderPolicyChains(update: PolicyUpdate, family: Family, options: RuleOptions): readonly Chain[] {
  const { kind, namespace, name } = update.policy;
  const title = `${kind} ${namespace === undefined ? name : `${namespace}/${name}`}`;
  return (['ingress', 'egress'] as const).map((direction) =>
    renderRules(
      policyChainName(update.id, direction, options.maxChainNameLength),
      `${title} ${direction}`,
      update[direction],
      family,
      options,
    ),
  );
}

/** The profile's ingress and egress chain, of the same manner. */
export function renderProfileChains(update: ProfileUpdate, family: Family, options: RuleOptions): readonly Chain[] {
  return (['ingress', 'egress'] as const).map((direction: Direction) =>
    renderRules(
      profileChainName(update.name, direction, options.maxChainNameLength),
      `Profile ${update.name} ${direction}`,
      update[direction],
      family,
      options,
    ),
  );
}

function renderRules(
  name: string,
  title: string,
  parsed: readonly ParsedRule[],
  family: Family,
  options: RuleOptions,
): Chain {
  const rules = parsed.flatMap((parsedRule) => renderPolicyRule(parsedRule, family, options));
  const [first, ...rest] = rules;
  // The title sits on the first rule, so that a chain can be told from its rules alone.
  const titled =
    first === undefined ? [rule([], { kind: 'none' }, title)] : [rule(first.matches, first.action, title), ...rest];
  return chain('filter', name, titled);
}
