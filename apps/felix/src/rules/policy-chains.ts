import type { Family } from '@calico-node/net';
import type { PolicyUpdate, ProfileUpdate } from '../calc/intents.ts';
import type { ParsedRule } from '../calc/parsed-rule.ts';
import { chain, rule } from './build.ts';
import { clearMarks } from './matches.ts';
import type { Chain, Rule } from './model.ts';
import { policyChainName, profileChainName } from './names.ts';
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

/**
 * The profile's ingress and egress chain, of the same manner. The packet may come with the pass mark of a
 * tier's policy, which a profile's own Pass must not be mistaken for.
 */
export function renderProfileChains(update: ProfileUpdate, family: Family, options: RuleOptions): readonly Chain[] {
  return (['ingress', 'egress'] as const).map((direction) => {
    const name = profileChainName(update.name, direction, options.maxChainNameLength);
    const passes = update[direction].some(({ action }) => action === 'pass');
    const before = passes ? [rule([], clearMarks(options.marks.pass))] : [];
    const title = `Profile ${update.name} ${direction}`;
    return renderRules(name, title, update[direction], family, options, before);
  });
}

function renderRules(
  name: string,
  title: string,
  parsed: readonly ParsedRule[],
  family: Family,
  options: RuleOptions,
  before: readonly Rule[] = [],
): Chain {
  const rules = [...before, ...parsed.flatMap((parsedRule) => renderPolicyRule(parsedRule, family, options))];
  const [first, ...rest] = rules;
  // The title sits on the first rule, so that a chain can be told from its rules alone.
  const titled =
    first === undefined ? [rule([], { kind: 'none' }, title)] : [rule(first.matches, first.action, title), ...rest];
  return chain('filter', name, titled);
}
