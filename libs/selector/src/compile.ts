import type { Expression } from './expression.ts';
import type { Labels } from './labels.ts';

export type Predicate = (labels: Labels) => boolean;

/**
 * The expression as a function of labels. A missing label makes `!=` and `not in` true and every other
 * comparison false; `global()` is true, since Calico rewrites it before it is evaluated.
 */
export function compileExpression(expression: Expression): Predicate {
  switch (expression.op) {
    case 'all':
    case 'global':
      return () => true;
    case 'has': {
      const { label } = expression;
      return (labels) => labels.get(label) !== undefined;
    }
    case '==': {
      const { label, value } = expression;
      return (labels) => labels.get(label) === value;
    }
    case '!=': {
      const { label, value } = expression;
      return (labels) => labels.get(label) !== value;
    }
    case 'contains': {
      const { label, value } = expression;
      return (labels) => labels.get(label)?.includes(value) ?? false;
    }
    case 'starts with': {
      const { label, value } = expression;
      return (labels) => labels.get(label)?.startsWith(value) ?? false;
    }
    case 'ends with': {
      const { label, value } = expression;
      return (labels) => labels.get(label)?.endsWith(value) ?? false;
    }
    case 'in':
    case 'not in':
      return compileMembership(expression.label, expression.values, expression.op === 'in');
    case 'not': {
      const operand = compileExpression(expression.operand);
      return (labels) => !operand(labels);
    }
    case 'and': {
      const operands = expression.operands.map(compileExpression);
      return (labels) => operands.every((operand) => operand(labels));
    }
    case 'or': {
      const operands = expression.operands.map(compileExpression);
      return (labels) => operands.some((operand) => operand(labels));
    }
  }
}

function compileMembership(label: string, values: readonly string[], whenMember: boolean): Predicate {
  const set = new Set(values);
  return (labels) => {
    const value = labels.get(label);
    return (value !== undefined && set.has(value)) === whenMember;
  };
}
