/**
 * Go's text/template over JSON's values: text, fields, variables, pipelines, functions, `if`, `with` and `range` with
 * their `else`, `define`, `template` and `block`, comments and trimming.
 */
import { fieldOf } from './field.ts';
import { goValue } from './format.ts';
import { builtins, isTrue, type TemplateFunction } from './functions.ts';
import { parseTemplate } from './parser.ts';
import type { Command, Node, Nodes, Operand, Pipeline, Tree } from './syntax.ts';
import { TemplateError } from './template-error.ts';

export interface TemplateOptions {
  /** Functions besides the built-in ones. */
  readonly functions?: Readonly<Record<string, TemplateFunction>>;
}

/** A template that was read, to be applied to data. */
export class Template {
  readonly #text: string;
  readonly #tree: Tree;
  readonly #functions: Readonly<Record<string, TemplateFunction>>;

  /** @throws TemplateError */
  constructor(text: string, { functions = {} }: TemplateOptions = {}) {
    this.#text = text;
    this.#functions = { ...builtins, ...functions };
    this.#tree = parseTemplate(text, new Set([...Object.keys(this.#functions), 'and', 'or']));
  }

  /**
   * The text for some data (JSON's values). When the data is a list of one, its fields may be named as if it
   * stood alone.
   * @throws TemplateError
   */
  render(data: unknown): string {
    return new Rendering(this.#text, this.#functions, this.#tree, data).render();
  }
}

interface Variable {
  readonly name: string;
  value: unknown;
}

/** How deep templates may call each other. */
const MAX_DEPTH = 100;

/** How a list of nodes was left. */
type Completion = 'done' | 'break' | 'continue';

class Rendering {
  readonly #text: string;
  readonly #functions: Readonly<Record<string, TemplateFunction>>;
  readonly #root: unknown;
  readonly #tree: Tree;
  #variables: Variable[];
  #depth = 0;
  readonly #parts: string[] = [];

  constructor(text: string, functions: Readonly<Record<string, TemplateFunction>>, tree: Tree, root: unknown) {
    this.#text = text;
    this.#functions = functions;
    this.#tree = tree;
    this.#root = root;
    this.#variables = [{ name: '', value: root }];
  }

  render(): string {
    this.#nodes(this.#tree.nodes, this.#root);
    return this.#parts.join('');
  }

  #nodes(nodes: Nodes, dot: unknown): Completion {
    for (const node of nodes) {
      const completion = this.#node(node, dot);
      if (completion !== 'done') return completion;
    }
    return 'done';
  }

  #node(node: Node, dot: unknown): Completion {
    switch (node.type) {
      case 'text':
        this.#parts.push(node.text);
        return 'done';
      case 'print': {
        const value = this.#pipeline(node.pipeline, dot);
        if (node.pipeline.variables.length === 0) this.#parts.push(goValue(value));
        return 'done';
      }
      case 'if':
      case 'with':
        return this.#scoped(() => {
          const value = this.#pipeline(node.pipeline, dot);
          if (!isTrue(value)) return this.#nodes(node.otherwise, dot);
          return this.#nodes(node.then, node.type === 'with' ? value : dot);
        });
      case 'range':
        return this.#scoped(() => this.#range(node.pipeline, node.then, node.otherwise, dot));
      case 'break':
      case 'continue':
        return node.type;
      case 'template':
        this.#invoke(node, dot);
        return 'done';
    }
  }

  /** Another template's text. It sees no variables but its own. */
  #invoke({ at, name, pipeline }: Extract<Node, { type: 'template' }>, dot: unknown): void {
    const nodes = this.#tree.definitions.get(name);
    if (nodes === undefined) throw new TemplateError(this.#text, at, `template ${JSON.stringify(name)} not defined`);
    if (this.#depth >= MAX_DEPTH) throw new TemplateError(this.#text, at, 'templates call each other too deeply');
    const value = pipeline === undefined ? undefined : this.#pipeline(pipeline, dot);
    const outer = this.#variables;
    this.#variables = [{ name: '', value }];
    this.#depth += 1;
    this.#nodes(nodes, value);
    this.#depth -= 1;
    this.#variables = outer;
  }

  /** Runs with variables of its own. */
  #scoped<T>(run: () => T): T {
    const outer = this.#variables.length;
    const result = run();
    this.#variables.length = outer;
    return result;
  }

  #range(pipeline: Pipeline, then: Nodes, otherwise: Nodes, dot: unknown): Completion {
    const { variables, assigns, at } = pipeline;
    const entries = this.#entries(this.#commands(pipeline, dot), at);
    if (entries.length === 0) return this.#nodes(otherwise, dot);
    for (const [key, value] of entries) {
      const completion = this.#scoped(() => {
        const [first, second] = variables;
        if (first !== undefined) this.#set(first, second === undefined ? value : key, assigns);
        if (second !== undefined) this.#set(second, value, assigns);
        return this.#nodes(then, value);
      });
      if (completion === 'break') break;
    }
    return 'done';
  }

  /** What a range goes over: a list, a map by its sorted keys, or the numbers below one. */
  #entries(value: unknown, at: number): readonly (readonly [unknown, unknown])[] {
    if (value === null || value === undefined) return [];
    if (Array.isArray(value)) return value.map((item: unknown, index) => [index, item] as const);
    if (typeof value === 'number' && Number.isInteger(value)) {
      return Array.from({ length: Math.max(0, value) }, (_, index) => [index, index] as const);
    }
    if (typeof value === 'object') return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    throw new TemplateError(this.#text, at, `range can't iterate over ${goValue(value)}`);
  }

  /** The value, after its variable, if it has one, was given it. */
  #pipeline(pipeline: Pipeline, dot: unknown): unknown {
    const value = this.#commands(pipeline, dot);
    for (const name of pipeline.variables) this.#set(name, value, pipeline.assigns);
    return value;
  }

  #commands({ commands }: Pipeline, dot: unknown): unknown {
    let piped: readonly unknown[] = [];
    for (const command of commands) piped = [this.#command(command, dot, piped)];
    return piped[0];
  }

  #command({ operands, at }: Command, dot: unknown, piped: readonly unknown[]): unknown {
    const [first, ...rest] = operands;
    if (first?.type !== 'function') {
      if (piped.length > 0) throw new TemplateError(this.#text, at, 'only a function takes what stands before the |');
      return first === undefined ? undefined : this.#operand(first, dot);
    }
    if (first.name === 'and' || first.name === 'or') return this.#logic(first.name, rest, dot, piped);
    return this.#call(first, [...rest.map((operand) => this.#operand(operand, dot)), ...piped]);
  }

  /** The first argument that decides, or the last; those after it are not looked at. */
  #logic(name: 'and' | 'or', operands: readonly Operand[], dot: unknown, piped: readonly unknown[]): unknown {
    let value: unknown;
    for (const operand of operands) {
      value = this.#operand(operand, dot);
      if (isTrue(value) === (name === 'or')) return value;
    }
    return piped.length === 0 ? value : piped[0];
  }

  #operand(operand: Operand, dot: unknown): unknown {
    switch (operand.type) {
      case 'literal':
        return operand.value;
      case 'dot':
        return dot;
      case 'variable':
        return this.#variable(operand.name)?.value;
      case 'function':
        if (operand.name === 'and' || operand.name === 'or') return undefined;
        return this.#call(operand, []);
      case 'pipeline':
        return this.#scoped(() => this.#pipeline(operand.pipeline, dot));
      case 'field':
        return this.#field(operand, this.#operand(operand.of, dot));
    }
  }

  #field({ name, at }: Extract<Operand, { type: 'field' }>, value: unknown): unknown {
    const isOnlyOne = value === this.#root && Array.isArray(value) && value.length === 1;
    return this.#located(at, () => fieldOf(isOnlyOne ? (value[0] as unknown) : value, name));
  }

  #call({ name, at }: Extract<Operand, { type: 'function' }>, args: readonly unknown[]): unknown {
    const run = this.#functions[name];
    if (run === undefined) throw new TemplateError(this.#text, at, `function "${name}" not defined`);
    return this.#located(at, () => run(...args), `error calling ${name}: `);
  }

  /** What goes wrong has its place. */
  #located<T>(at: number, run: () => T, prefix = ''): T {
    try {
      return run();
    } catch (error) {
      if (error instanceof TemplateError) throw error;
      throw new TemplateError(this.#text, at, `${prefix}${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #set(name: string, value: unknown, assigns: boolean): void {
    const known = assigns ? this.#variable(name) : undefined;
    if (known === undefined) this.#variables.push({ name, value });
    else known.value = value;
  }

  #variable(name: string): Variable | undefined {
    return this.#variables.findLast((variable) => variable.name === name);
  }
}
