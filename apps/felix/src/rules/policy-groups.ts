import { chain, rule } from './build.ts';
import type { PolicyGroup } from '../calc/intents.ts';
import { jump, matchAnyMarked, matchUnmarked, returnToCaller } from './matches.ts';
import type { Chain, Layer, Rule } from './model.ts';
import { groupChainName, policyChainName, type Direction } from './names.ts';
import type { RuleOptions } from './options.ts';

/** A group whose policies are asked from one chain, which all endpoints that have the group share. */
export interface GroupChain {
  readonly layer: Layer;
  readonly direction: Direction;
  readonly group: PolicyGroup;
}

/** How many policies are asked before the chain looks whether one has decided (`felix/rules/policy.go`). */
const stride = 5;

/** Whether the group is worth a chain of its own. */
export function isShared({ policies }: PolicyGroup): boolean {
  return policies.length > 1;
}

/** The chain asks the policies in order until one has marked the packet. */
export function renderGroupChain({ layer, direction, group }: GroupChain, options: RuleOptions): Chain {
  const decided = options.marks.accept | options.marks.pass;
  const rules = group.policies.flatMap((policy, index): readonly Rule[] => {
    const ask = jump(policyChainName(policy, direction, options.maxChainNameLength));
    if (index % stride !== 0) return [rule([matchUnmarked(decided)], ask)];
    if (index === 0) return [rule([], ask)];
    return [rule([matchAnyMarked(decided)], returnToCaller, 'Return on verdict'), rule([], ask)];
  });
  return chain(layer, groupChainName(group, direction), rules);
}
