import type { Expression } from './expression.ts';

/** What a label must be for a selector to match: present, and one of `oneOf` where that is given. */
export interface LabelRequirement {
  readonly oneOf?: ReadonlySet<string>;
}

export type RequiredLabels = ReadonlyMap<string, LabelRequirement>;

const NOTHING: RequiredLabels = new Map();

/**
 * Necessary conditions, so that an index by label need not look at selectors that cannot match: labels that
 * meet them may still not match, labels that do not meet them never match. An empty `oneOf` means that
 * nothing matches.
 */
export function requiredLabelsOf(expression: Expression): RequiredLabels {
  switch (expression.op) {
    case 'has':
    case 'contains':
    case 'starts with':
    case 'ends with':
      return new Map([[expression.label, {}]]);
    case '==':
      return new Map([[expression.label, { oneOf: new Set([expression.value]) }]]);
    case 'in':
      return new Map([[expression.label, { oneOf: new Set(expression.values) }]]);
    case 'and':
      return expression.operands.map(requiredLabelsOf).reduce(both);
    case 'or':
      return expression.operands.map(requiredLabelsOf).reduce(either);
    case 'all':
    case 'global':
    case '!=':
    case 'not in':
    case 'not':
      return NOTHING;
  }
}

function both(a: RequiredLabels, b: RequiredLabels): RequiredLabels {
  const merged = new Map(a);
  for (const [label, { oneOf }] of b) {
    const other = merged.get(label)?.oneOf;
    const values = oneOf && other ? new Set([...oneOf].filter((value) => other.has(value))) : (oneOf ?? other);
    merged.set(label, values ? { oneOf: values } : {});
  }
  return merged;
}

function either(a: RequiredLabels, b: RequiredLabels): RequiredLabels {
  const merged = new Map<string, LabelRequirement>();
  for (const [label, { oneOf }] of a) {
    const other = b.get(label);
    if (other === undefined) continue;
    merged.set(label, oneOf && other.oneOf ? { oneOf: new Set([...oneOf, ...other.oneOf]) } : {});
  }
  return merged;
}
