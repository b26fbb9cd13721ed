import { tokenize, type Token } from './lexer.ts';
import type { Command, Node, Nodes, Operand, Pipeline, Tree } from './syntax.ts';
import { TemplateError } from './template-error.ts';

/** How deep actions and parentheses may nest. */
const MAX_DEPTH = 100;

/** What ends a list of nodes. */
interface End {
  readonly word: 'end' | 'else' | 'eof';
  readonly at: number;
}

/** Reads a template. @throws TemplateError */
export function parseTemplate(text: string, functions: ReadonlySet<string>): Tree {
  return new Parser(text, functions).parse();
}

class Parser {
  readonly #text: string;
  readonly #functions: ReadonlySet<string>;
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;
  #loops = 0;
  readonly #definitions = new Map<string, Nodes>();
  /** The variables that are known here, innermost last. */
  #variables: string[] = [''];

  constructor(text: string, functions: ReadonlySet<string>) {
    this.#text = text;
    this.#functions = functions;
    this.#tokens = tokenize(text);
  }

  parse(): Tree {
    const { nodes, end } = this.#nodes();
    if (end.word !== 'eof') throw this.#error(end.at, `unexpected {{${end.word}}}`);
    return { nodes, definitions: this.#definitions };
  }

  #nodes(): { readonly nodes: Nodes; readonly end: End } {
    const nodes: Node[] = [];
    for (;;) {
      const token = this.#take();
      if (token.type === 'end') return { nodes, end: { word: 'eof', at: token.at } };
      if (token.type === 'text') {
        nodes.push({ type: 'text', text: token.text });
        continue;
      }
      this.#skipSpace();
      const first = this.#peek();
      if (first.type === 'word' && (first.name === 'end' || first.name === 'else')) {
        this.#next += 1;
        if (first.name === 'end') this.#close();
        return { nodes, end: { word: first.name, at: token.at } };
      }
      if (first.type === 'word' && first.name === 'define') this.#define(token.at);
      else nodes.push(this.#action(token.at));
    }
  }

  #action(at: number): Node {
    const first = this.#peek();
    if (first.type === 'close') throw this.#error(first.at, 'missing value for command');
    const word = first.type === 'word' ? first.name : '';
    if (word === 'block') return this.#defaultTemplate(at);
    if (word === 'template') return this.#template(at);
    if (word === 'break' || word === 'continue') {
      if (this.#loops === 0) throw this.#error(first.at, `{{${word}}} outside {{range}}`);
      this.#next += 1;
      this.#close();
      return { type: word };
    }
    if (word === 'if' || word === 'with' || word === 'range') {
      this.#next += 1;
      return this.#block(word, at);
    }
    const pipeline = this.#pipeline('print');
    this.#close();
    return { type: 'print', pipeline };
  }

  /** `define "name"` to its `{{end}}`: it leaves no text where it stands. */
  #define(at: number): void {
    if (this.#depth > 0) throw this.#error(at, '{{define}} within another action');
    this.#enter(at);
    this.#next += 1;
    const name = this.#templateName();
    this.#close();
    this.#definition('define', name, at);
  }

  /** `block "name" value` to its `{{end}}`: defines the template, and is replaced by its text. */
  #defaultTemplate(at: number): Node {
    this.#enter(at);
    this.#next += 1;
    const name = this.#templateName();
    const pipeline = this.#pipeline('print');
    this.#close();
    this.#definition('block', name, at);
    return { type: 'template', at, name, pipeline };
  }

  /** What a template's name stands for, up to `{{end}}`. It sees no variables, and is in no loop. */
  #definition(word: 'define' | 'block', name: string, at: number): void {
    const [outer, loops] = [this.#variables, this.#loops];
    [this.#variables, this.#loops] = [[''], 0];
    const { nodes, end } = this.#nodes();
    if (end.word !== 'end') throw this.#error(at, `{{${word}}} without {{end}}`);
    [this.#variables, this.#loops] = [outer, loops];
    this.#depth -= 1;
    if (this.#definitions.has(name)) throw this.#error(at, `template ${JSON.stringify(name)} is defined twice`);
    this.#definitions.set(name, nodes);
  }

  /** `template "name"`, or with a value. */
  #template(at: number): Node {
    this.#next += 1;
    const name = this.#templateName();
    this.#skipSpace();
    const pipeline = this.#peek().type === 'close' ? undefined : this.#pipeline('print');
    this.#close();
    return { type: 'template', at, name, pipeline };
  }

  #templateName(): string {
    this.#skipSpace();
    const token = this.#take();
    if (token.type === 'literal' && typeof token.value === 'string') return token.value;
    throw this.#error(token.at, "expected a template's name in quotes");
  }

  /** From after the word `if`, `with` or `range` to after its `{{end}}`. */
  #block(type: 'if' | 'with' | 'range', at: number): Node {
    this.#enter(at);
    const outer = this.#variables.length;
    const pipeline = this.#pipeline(type);
    this.#close();
    if (type === 'range') this.#loops += 1;
    const { nodes: then, end } = this.#nodes();
    if (type === 'range') this.#loops -= 1;
    const otherwise = this.#otherwise(type, at, end);
    this.#variables.length = outer;
    this.#depth -= 1;
    return { type, pipeline, then, otherwise };
  }

  #otherwise(type: 'if' | 'with' | 'range', at: number, end: End): Nodes {
    if (end.word === 'eof') throw this.#error(at, `{{${type}}} without {{end}}`);
    if (end.word === 'end') return [];
    this.#skipSpace();
    const token = this.#peek();
    // {{else if}} is {{else}}{{if}} with one {{end}} for both.
    if (token.type === 'word' && token.name === type && type !== 'range') {
      this.#next += 1;
      return [this.#block(type, end.at)];
    }
    this.#close();
    const { nodes, end: last } = this.#nodes();
    if (last.word !== 'end') throw this.#error(at, `{{${type}}} without {{end}}`);
    return nodes;
  }

  /** Up to `}}` or `)`. */
  #pipeline(context: 'print' | 'if' | 'with' | 'range' | 'parentheses'): Pipeline {
    this.#skipSpace();
    const { at } = this.#peek();
    const { variables, assigns } = this.#declaration(context);
    const commands: Command[] = [];
    for (;;) {
      const command = this.#command();
      if (commands.length > 0 && isConstant(command.operands[0])) {
        throw this.#error(command.at, 'a value cannot take the result of what stands before the |');
      }
      commands.push(command);
      const token = this.#peek();
      if (token.type !== 'sign' || token.sign !== '|') break;
      this.#next += 1;
    }
    for (const name of assigns ? [] : variables) this.#variables.push(name);
    return { at, variables, assigns, commands };
  }

  /** `$x :=`, `$x =`, and in a range `$i, $x :=`; nothing is taken where there is none. */
  #declaration(context: string): { readonly variables: readonly string[]; readonly assigns: boolean } {
    const start = this.#next;
    const names: string[] = [];
    for (;;) {
      const variable = this.#peek();
      if (variable.type !== 'variable') break;
      this.#next += 1;
      this.#skipSpace();
      names.push(variable.name);
      const sign = this.#peek();
      if (sign.type !== 'sign') break;
      if (sign.sign === ',' && context === 'range' && names.length === 1) {
        this.#next += 1;
        this.#skipSpace();
        continue;
      }
      if (sign.sign !== ':=' && sign.sign !== '=') break;
      this.#next += 1;
      const assigns = sign.sign === '=';
      const unknown = assigns ? names.find((name) => !this.#variables.includes(name)) : undefined;
      if (unknown !== undefined) throw this.#error(variable.at, `undefined variable $${unknown}`);
      return { variables: names, assigns };
    }
    this.#next = start;
    return { variables: [], assigns: false };
  }

  #command(): Command {
    this.#skipSpace();
    const { at } = this.#peek();
    const operands: Operand[] = [];
    for (;;) {
      const token = this.#peek();
      const ends = token.type === 'close' || (token.type === 'sign' && (token.sign === '|' || token.sign === ')'));
      if (ends || token.type === 'end') break;
      operands.push(this.#operand());
      const next = this.#peek();
      if (next.type === 'space') this.#next += 1;
      else if (next.type !== 'close' && next.type !== 'sign') throw this.#error(next.at, 'a space is missing');
    }
    const [first] = operands;
    if (first === undefined) throw this.#error(at, 'missing value for command');
    if (operands.length > 1 && first.type !== 'function') {
      throw this.#error(operands[1]?.at ?? at, 'only a function takes arguments');
    }
    return { at, operands };
  }

  #operand(): Operand {
    let operand = this.#term();
    for (let token = this.#peek(); token.type === 'field'; token = this.#peek()) {
      if (operand.type === 'literal') throw this.#error(token.at, 'a literal has no fields');
      this.#next += 1;
      operand = { type: 'field', at: token.at, of: operand, name: token.name };
    }
    return operand;
  }

  #term(): Operand {
    const token = this.#take();
    const { at } = token;
    switch (token.type) {
      case 'literal':
        return { type: 'literal', at, value: token.value };
      case 'dot':
        return { type: 'dot', at };
      case 'field':
        return { type: 'field', at, of: { type: 'dot', at }, name: token.name };
      case 'variable':
        if (!this.#variables.includes(token.name)) throw this.#error(at, `undefined variable $${token.name}`);
        return { type: 'variable', at, name: token.name };
      case 'word':
        if (!this.#functions.has(token.name))
          throw this.#error(at, `function ${JSON.stringify(token.name)} not defined`);
        return { type: 'function', at, name: token.name };
      default:
    }
    if (token.type !== 'sign' || token.sign !== '(') throw this.#error(at, 'expected a value');
    this.#enter(at);
    const pipeline = this.#pipeline('parentheses');
    const close = this.#take();
    if (close.type !== 'sign' || close.sign !== ')') throw this.#error(at, 'unclosed left parenthesis');
    this.#depth -= 1;
    return { type: 'pipeline', at, pipeline };
  }

  #close(): void {
    this.#skipSpace();
    const token = this.#take();
    if (token.type !== 'close') throw this.#error(token.at, 'expected }}');
  }

  #enter(at: number): void {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw this.#error(at, 'nested too deeply');
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? { type: 'end', at: this.#text.length };
  }

  #take(): Token {
    const token = this.#peek();
    this.#next += 1;
    return token;
  }

  #skipSpace(): void {
    if (this.#peek().type === 'space') this.#next += 1;
  }

  #error(at: number, message: string): TemplateError {
    return new TemplateError(this.#text, at, message);
  }
}

function isConstant(operand: Operand | undefined): boolean {
  return operand?.type === 'literal' || operand?.type === 'dot';
}
