import { compareBytewise, type Expression } from './expression.ts';
import { SelectorError } from './selector-error.ts';
import { tokenize, type Token } from './tokenizer.ts';

/** Parentheses within parentheses; deeper text is refused rather than run into the stack's end. */
export const MAX_NESTING = 500;

/**
 * Parses the selector language by recursive descent: `||` binds weakest, then
 * `&&`, then `!`, whose pairs cancel. Empty text is `all()`. Time is linear in the text. Throws
 * SelectorError.
 */
export function parseExpression(input: string): Expression {
  return new Parser(input).parse();
}

class Parser {
  readonly #input: string;
  readonly #tokens: readonly Token[];
  #next = 0;
  #nesting = 0;

  constructor(input: string) {
    this.#input = input;
    this.#tokens = tokenize(input);
  }

  parse(): Expression {
    if (this.#peek().kind === 'end') return { op: 'all' };
    const expression = this.#or();
    if (this.#peek().kind !== 'end') throw this.#unexpected('an operator or the end');
    return expression;
  }

  #or(): Expression {
    const operands = [this.#and()];
    while (this.#accept('||')) operands.push(this.#and());
    const [only] = operands;
    return operands.length === 1 && only ? only : { op: 'or', operands };
  }

  #and(): Expression {
    const operands = [this.#operation()];
    while (this.#accept('&&')) operands.push(this.#operation());
    const [only] = operands;
    return operands.length === 1 && only ? only : { op: 'and', operands };
  }

  #operation(): Expression {
    let isNegated = false;
    while (this.#accept('!')) isNegated = !isNegated;
    const operand = this.#primary();
    return isNegated ? { op: 'not', operand } : operand;
  }

  #primary(): Expression {
    const token = this.#peek();
    switch (token.kind) {
      case 'all':
      case 'global':
        this.#next++;
        return { op: token.kind };
      case 'has':
        this.#next++;
        return { op: 'has', label: token.text };
      case 'label':
        this.#next++;
        return this.#comparison(token.text);
      case '(':
        return this.#parenthesised();
      default:
        throw this.#unexpected('a label, has(), all(), global(), "!" or "("');
    }
  }

  #parenthesised(): Expression {
    if (++this.#nesting > MAX_NESTING) {
      throw new SelectorError(this.#input, this.#peek().position, `more than ${MAX_NESTING} nested parentheses`);
    }
    this.#next++;
    const expression = this.#or();
    if (!this.#accept(')')) throw this.#unexpected('")"');
    this.#nesting--;
    return expression;
  }

  #comparison(label: string): Expression {
    const operator = this.#peek();
    switch (operator.kind) {
      case '==':
      case '!=':
      case 'contains':
      case 'starts with':
      case 'ends with':
        this.#next++;
        return { op: operator.kind, label, value: this.#string() };
      case 'in':
      case 'not in':
        this.#next++;
        return { op: operator.kind, label, values: this.#set() };
      default:
        throw this.#unexpected(`an operator after the label "${label}"`);
    }
  }

  #string(): string {
    const token = this.#peek();
    if (token.kind !== 'string') throw this.#unexpected('a quoted string');
    this.#next++;
    return token.text;
  }

  #set(): readonly string[] {
    if (!this.#accept('{')) throw this.#unexpected('"{"');
    const values = new Set<string>();
    while (this.#peek().kind !== '}') {
      values.add(this.#string());
      if (!this.#accept(',')) break;
    }
    if (!this.#accept('}')) throw this.#unexpected('"," or "}"');
    return [...values].sort(compareBytewise);
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? { kind: 'end', position: this.#input.length };
  }

  #accept(kind: Token['kind']): boolean {
    if (this.#peek().kind !== kind) return false;
    this.#next++;
    return true;
  }

  #unexpected(expected: string): SelectorError {
    const { kind, position } = this.#peek();
    return new SelectorError(
      this.#input,
      position,
      `expected ${expected}, found ${kind === 'end' ? 'the end' : `"${kind}"`}`,
    );
  }
}
