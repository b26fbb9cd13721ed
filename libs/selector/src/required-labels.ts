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
      return both(expression.operands.map(requiredLabelsOf));
    case 'or':
      return either(expression.operands.map(requiredLabelsOf));
    case 'all':
    case 'global':
    case '!=':
    case 'not in':
    case 'not':
      return NOTHING;
  }
}

/** What labels must be to meet all of several requirements. Time is linear in their size. */
function both(operands: readonly RequiredLabels[]): RequiredLabels {
  const merged = new Map<string, LabelRequirement>();
  for (const operand of operands) {
    for (const [label, { oneOf }] of operand) {
      const other = merged.get(label)?.oneOf;
      const values = oneOf && other ? intersection(oneOf, other) : (oneOf ?? other);
      merged.set(label, values ? { oneOf: values } : {});
    }
  }
  return merged;
}

/** What labels must be to meet at least one of several requirements. Time is linear in their size. */
function either(operands: readonly RequiredLabels[]): RequiredLabels {
  const merged = new Map<string, LabelRequirement>();
  for (const label of operands[0]?.keys() ?? []) {
    const requirement = unionFor(label, operands);
    if (requirement !== undefined) merged.set(label, requirement);
  }
  return merged;
}

function unionFor(label: string, operands: readonly RequiredLabels[]): LabelRequirement | undefined {
  const values = new Set<string>();
  let isAnyValue = false;
  for (const operand of operands) {
    const requirement = operand.get(label);
    if (requirement === undefined) return undefined;
    if (requirement.oneOf === undefined) isAnyValue = true;
    else for (const value of requirement.oneOf) values.add(value);
  }
  return isAnyValue ? {} : { oneOf: values };
}

function intersection(a: ReadonlySet<string>, b: ReadonlySet<string>): ReadonlySet<string> {
  const [small, large] = a.size < b.size ? [a, b] : [b, a];
  return new Set([...small].filter((value) => large.has(value)));
}
