/** A template of kubectl's JSONPath: text, and expressions in braces. */
export type Part =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'path'; readonly path: Path }
  | { readonly type: 'range'; readonly path: Path; readonly parts: readonly Part[] };

export interface Path {
  /** From the whole document (`$`, or nothing outside of a filter), or from where one is (`@`). */
  readonly from: 'root' | 'current';
  readonly steps: readonly Step[];
}

export type Step =
  | { readonly type: 'field'; readonly names: readonly string[] }
  | { readonly type: 'index'; readonly indices: readonly number[] }
  | { readonly type: 'slice'; readonly start?: number; readonly end?: number; readonly step: number }
  | { readonly type: 'each' | 'descend' }
  | { readonly type: 'filter'; readonly filter: Filter };

export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=';

export type Filter =
  | { readonly type: 'exists'; readonly operand: FilterOperand }
  | {
      readonly type: 'compare';
      readonly operator: Comparison;
      readonly left: FilterOperand;
      readonly right: FilterOperand;
    };

export type FilterOperand =
  | { readonly type: 'path'; readonly path: Path }
  | { readonly type: 'literal'; readonly value: string | number | boolean | null };

/** A JSONPath that can't be read, or can't be applied; the message says where. */
export class JsonPathError extends Error {
  override readonly name = 'JsonPathError';
  readonly code = 'jsonpath';

  constructor(offset: number, message: string) {
    super(`jsonpath: at character ${offset + 1}: ${message}`);
  }
}
