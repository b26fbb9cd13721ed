import { createHash } from 'node:crypto';
import type { Action, Chain, DispatchEntry, DispatchMap, Hook, HookName, Layer, Match, Rule } from './model.ts';

/** A frozen rule. */
export function rule(matches: readonly Match[], action: Action, comment?: string): Rule {
  return deepFreeze(comment === undefined ? { matches, action } : { matches, action, comment });
}

/** A frozen chain with its hash. Trailing plain `return`s are cut: running off the end does the same. */
export function chain(layer: Layer, name: string, rules: readonly Rule[]): Chain {
  const kept = trimReturns(rules);
  return deepFreeze({ layer, name, rules: kept, hash: digest([layer, name, kept]) });
}

export function hook(
  layer: Layer,
  hookName: HookName,
  rules: readonly Rule[],
  appendedRules: readonly Rule[] = [],
): Hook {
  return deepFreeze({
    layer,
    hook: hookName,
    rules,
    appendedRules,
    hash: digest([layer, hookName, rules, appendedRules]),
  });
}

/** A frozen map, its entries sorted by interface name. An interface named twice is the caller's error: the first in `entries` stays. */
export function dispatchMap(
  layer: Layer,
  name: string,
  key: DispatchMap['key'],
  entries: readonly DispatchEntry[],
): DispatchMap {
  const byInterface = new Map<string, DispatchEntry>();
  for (const entry of entries) if (!byInterface.has(entry.interfaceName)) byInterface.set(entry.interfaceName, entry);
  const sorted = [...byInterface.values()].sort((a, b) => (a.interfaceName < b.interfaceName ? -1 : 1));
  return deepFreeze({ layer, name, key, entries: sorted, hash: digest([layer, name, key, sorted]) });
}

/** A digest of one rule, equal exactly when the rules are: for drivers that change a chain rule by rule. */
export function ruleHash(value: Rule): string {
  return digest(value);
}

function trimReturns(rules: readonly Rule[]): readonly Rule[] {
  let end = rules.length;
  // The last rule stays when it is all that carries the chain's comment.
  while (end > 0 && rules[end - 1]?.action.kind === 'return' && rules[end - 1]?.comment === undefined) end--;
  return end === rules.length ? rules : rules.slice(0, end);
}

/** Rules are plain JSON, built by the constructors here and in `matches.ts` with a fixed field order, so their text is canonical. */
function digest(value: unknown): string {
  return createHash('sha224').update(JSON.stringify(value)).digest('base64url').slice(0, 22);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    for (const part of Object.values(value)) deepFreeze(part);
    Object.freeze(value);
  }
  return value;
}
