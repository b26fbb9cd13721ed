/** The syntax tree of a template; `at` is the offset in its text. */
export type Node =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'print'; readonly pipeline: Pipeline }
  | { readonly type: 'if' | 'with'; readonly pipeline: Pipeline; readonly then: Nodes; readonly otherwise: Nodes }
  | { readonly type: 'range'; readonly pipeline: Pipeline; readonly then: Nodes; readonly otherwise: Nodes }
  | { readonly type: 'break' | 'continue' }
  /** Another template's text, for the pipeline's value. */
  | { readonly type: 'template'; readonly at: number; readonly name: string; readonly pipeline: Pipeline | undefined };

export type Nodes = readonly Node[];

/** A template, and those that it defines. */
export interface Tree {
  readonly nodes: Nodes;
  readonly definitions: ReadonlyMap<string, Nodes>;
}

/** `$a, $b := command | command`. */
export interface Pipeline {
  readonly at: number;
  readonly variables: readonly string[];
  /** `=` instead of `:=`. */
  readonly assigns: boolean;
  readonly commands: readonly Command[];
}

/** A value, or a function or field with its arguments. */
export interface Command {
  readonly at: number;
  readonly operands: readonly Operand[];
}

export type Operand =
  | { readonly type: 'literal'; readonly at: number; readonly value: string | number | boolean | null }
  | { readonly type: 'dot'; readonly at: number }
  | { readonly type: 'variable'; readonly at: number; readonly name: string }
  | { readonly type: 'function'; readonly at: number; readonly name: string }
  | { readonly type: 'pipeline'; readonly at: number; readonly pipeline: Pipeline }
  | { readonly type: 'field'; readonly at: number; readonly of: Operand; readonly name: string };
