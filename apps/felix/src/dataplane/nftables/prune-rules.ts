/**
 * Rules that make no difference to any packet are left out: every packet of an established connection would meet them
 * again, in each hook that it passes, and most nodes have no host endpoints, no code points, no spoofing workloads.
 */
import type { Action, HookName, Layer, Rule } from '../../rules/model.ts';

/** What rules lead to. */
export interface RuleTargets {
  /** Whether a chain of the same layer has no effect. */
  readonly isIdle: (chain: string) => boolean;
  /** Whether a dispatch map of the same layer has entries. */
  readonly hasEntries: (map: string) => boolean;
}

/** What comes behind the last rule: the rest of the caller's rules, or, at a hook's end, nothing but the packet's acceptance. */
export type RulesEnd = 'caller' | { readonly layer: Layer; readonly hook: HookName };

export function pruneRules(rules: readonly Rule[], end: RulesEnd, targets: RuleTargets): readonly Rule[] {
  const effective = rules.filter(({ action }) => {
    if (action.kind === 'jump') return !targets.isIdle(action.chain);
    return action.kind !== 'dispatch' || targets.hasEntries(action.map);
  });
  return effective.slice(0, effective.findLastIndex(({ action }) => !isVainLast(action, end)) + 1);
}

/** Whether an action changes nothing when no rule comes after it. */
function isVainLast({ kind }: Action, end: RulesEnd): boolean {
  if (kind === 'return' || end === 'caller') return kind === 'return';
  // Nothing of ours looks at marks behind mangle's postrouting hook.
  return kind === 'accept' || (kind === 'set-mark' && end.layer === 'mangle' && end.hook === 'postrouting');
}
