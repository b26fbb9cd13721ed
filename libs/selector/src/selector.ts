import { compileExpression, type Predicate } from './compile.ts';
import { prefixLabels, renderExpression, type Expression } from './expression.ts';
import type { Labels } from './labels.ts';
import { parseExpression } from './parser.ts';
import { requiredLabelsOf, type RequiredLabels } from './required-labels.ts';
import { uniqueId } from './unique-id.ts';

/** A parsed label selector; immutable, and equal to another exactly where `canonical` is. */
export class Selector {
  readonly expression: Expression;
  /** Calico's canonical text: the store's other clients and the IDs agree on it byte for byte. */
  readonly canonical: string;
  #predicate: Predicate | undefined;
  #id: string | undefined;
  #requiredLabels: RequiredLabels | undefined;

  /** Use parseSelector for text. */
  constructor(expression: Expression) {
    this.expression = expression;
    this.canonical = renderExpression(expression);
  }

  /** `s:` and a hash of the canonical text: the name of the IP set that the selector gives. */
  get id(): string {
    return (this.#id ??= uniqueId('s', this.canonical));
  }

  /** Conditions that labels must meet to match at all, for indexes. */
  get requiredLabels(): RequiredLabels {
    return (this.#requiredLabels ??= requiredLabelsOf(this.expression));
  }

  evaluate(labels: Labels): boolean {
    this.#predicate ??= compileExpression(this.expression);
    return this.#predicate(labels);
  }

  /** The same selector over labels whose names start with `prefix` (`pcns.`, `pcsa.`). */
  withPrefix(prefix: string): Selector {
    return new Selector(prefixLabels(this.expression, prefix));
  }

  toString(): string {
    return this.canonical;
  }
}

/** Parses a selector; empty or blank text is `all()`. Throws SelectorError. */
export function parseSelector(text: string): Selector {
  return new Selector(parseExpression(text));
}
