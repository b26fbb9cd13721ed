/**
 * Fewer rules for the same meaning: the kernel looks at every rule that can be reached whenever one with a verdict
 * changes, so that each one less makes every change of policy cheaper.
 */
import type { Match, Rule } from '../../rules/model.ts';

/** How many policies in a row are passed by before a chain looks whether one of them has accepted. */
const RETURN_INTERVAL = 5;

/**
 * An endpoint's chain asks policy after policy whether a mark is clear, and returns after each when another is set.
 * Where the next thing is to ask the next policy, that one may ask for both marks and the return can wait.
 */
export function joinReturns(rules: readonly Rule[]): readonly Rule[] {
  const joined: Rule[] = [];
  let passed = 1;
  for (let index = 0; index < rules.length; index++) {
    const [rule, next, afterNext] = rules.slice(index, index + 3);
    if (rule === undefined) continue;
    const accepted = returnMark(rule);
    const isAsked = accepted !== undefined && afterNext !== undefined && returnMark(afterNext) === accepted;
    const guard = next?.action.kind === 'jump' ? clearMark(next.matches) : undefined;
    if (!isAsked || next === undefined || guard === undefined || passed === RETURN_INTERVAL) {
      passed = 1;
      joined.push(rule);
      continue;
    }
    passed++;
    index++;
    joined.push({ ...next, matches: [{ kind: 'mark', mask: (guard | accepted) >>> 0, value: 0, negated: false }] });
  }
  return joined;
}

/** Whether a rule sets a mark and the next returns when it is set: one rule of the kernel can do both. */
export function returnsWhenMarked({ action }: Rule, next: Rule | undefined): boolean {
  if (action.kind !== 'set-mark' || action.value === 0 || action.value !== action.mask) return false;
  return next !== undefined && next.comment === undefined && returnMark(next) === action.value;
}

/** The mark that, when set, is all that a rule needs to return. */
function returnMark({ matches, action }: Rule): number | undefined {
  const [match, ...others] = matches;
  if (action.kind !== 'return' || others.length > 0 || match?.kind !== 'mark' || match.negated) return undefined;
  return match.value === match.mask ? match.mask : undefined;
}

/** The marks that a rule needs to be clear, when it asks nothing else. */
function clearMark(matches: readonly Match[]): number | undefined {
  const [match, ...others] = matches;
  if (others.length > 0 || match?.kind !== 'mark' || match.negated || match.value !== 0) return undefined;
  return match.mask;
}
