/** An operator that compares a label's value with one string. */
export type ValueOperator = '==' | '!=' | 'contains' | 'starts with' | 'ends with';

/** A selector's syntax tree. */
export type Expression =
  | { readonly op: 'all' | 'global' }
  | { readonly op: 'has'; readonly label: string }
  | { readonly op: ValueOperator; readonly label: string; readonly value: string }
  /** `values` are distinct and in byte order. */
  | { readonly op: 'in' | 'not in'; readonly label: string; readonly values: readonly string[] }
  | { readonly op: 'not'; readonly operand: Expression }
  | { readonly op: 'and' | 'or'; readonly operands: readonly Expression[] };

function quote(value: string): string {
  return value.includes('"') ? `'${value}'` : `"${value}"`;
}

/** The canonical text, from which a selector's ID is made. */
export function renderExpression(expression: Expression): string {
  switch (expression.op) {
    case 'all':
    case 'global':
      return `${expression.op}()`;
    case 'has':
      return `has(${expression.label})`;
    case 'in':
    case 'not in':
      return `${expression.label} ${expression.op} {${expression.values.map(quote).join(', ')}}`;
    case 'not':
      return `!${renderExpression(expression.operand)}`;
    case 'and':
      return `(${expression.operands.map(renderExpression).join(' && ')})`;
    case 'or':
      return `(${expression.operands.map(renderExpression).join(' || ')})`;
    default:
      return `${expression.label} ${expression.op} ${quote(expression.value)}`;
  }
}

/** The same expression over labels whose names start with `prefix`. */
export function prefixLabels(expression: Expression, prefix: string): Expression {
  switch (expression.op) {
    case 'all':
    case 'global':
      return expression;
    case 'not':
      return { op: 'not', operand: prefixLabels(expression.operand, prefix) };
    case 'and':
    case 'or':
      return { op: expression.op, operands: expression.operands.map((operand) => prefixLabels(operand, prefix)) };
    default:
      return { ...expression, label: prefix + expression.label };
  }
}

/** Orders strings as their UTF-8 bytes do, which UTF-16's own order does not beyond U+D7FF. */
export function compareBytewise(a: string, b: string): number {
  for (let index = 0; ; index++) {
    const [left, right] = [a.codePointAt(index), b.codePointAt(index)];
    if (left === undefined || right === undefined) return a.length - b.length;
    if (left !== right) return left - right;
  }
}
