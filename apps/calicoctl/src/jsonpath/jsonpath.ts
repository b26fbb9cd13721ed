/**
 * kubectl's JSONPath templates: `{.items[*].metadata.name}`, children, unions, slices, filters, recursive descent,
 * `{range}` and quoted text. What is not there is nothing; several results stand with spaces between them.
 */
import { parseJsonPath } from './parser.ts';
import type { Comparison, Filter, FilterOperand, Part, Path, Step } from './syntax.ts';

/** A template that was read, to be applied to data. */
export class JsonPath {
  readonly #parts: readonly Part[];

  /** @throws JsonPathError */
  constructor(text: string) {
    this.#parts = parseJsonPath(text);
  }

  /** The text for some data (JSON's values). */
  render(data: unknown): string {
    return renderParts(this.#parts, data, data);
  }
}

function renderParts(parts: readonly Part[], root: unknown, current: unknown): string {
  return parts
    .map((part) => {
      switch (part.type) {
        case 'text':
          return part.text;
        case 'path':
          return evaluate(part.path, current, current).map(textOf).join(' ');
        case 'range':
          // Within a range, paths begin at the item.
          return evaluate(part.path, current, current)
            .map((item) => renderParts(part.parts, root, item))
            .join('');
      }
    })
    .join('');
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function evaluate({ from, steps }: Path, root: unknown, current: unknown): readonly unknown[] {
  let values: readonly unknown[] = [from === 'root' ? root : current];
  for (const step of steps) values = values.flatMap((value) => follow(step, value, root));
  return values;
}

function follow(step: Step, value: unknown, root: unknown): readonly unknown[] {
  switch (step.type) {
    case 'field':
      return step.names.flatMap((name) => (isRecord(value) && Object.hasOwn(value, name) ? [value[name]] : []));
    case 'index':
      return Array.isArray(value) ? step.indices.flatMap((index) => value.slice(index).slice(0, 1) as unknown[]) : [];
    case 'slice':
      return Array.isArray(value)
        ? value.slice(step.start, step.end).filter((_, index) => index % step.step === 0)
        : [];
    case 'each':
      return membersOf(value);
    case 'descend':
      return selfAndDescendants(value);
    case 'filter':
      return Array.isArray(value) ? value.filter((item) => isMatch(step.filter, root, item)) : [];
  }
}

function membersOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return isRecord(value) ? Object.values(value) : [];
}

function selfAndDescendants(value: unknown): readonly unknown[] {
  return [value, ...membersOf(value).flatMap(selfAndDescendants)];
}

function isMatch(filter: Filter, root: unknown, item: unknown): boolean {
  if (filter.type === 'exists') return valueOf(filter.operand, root, item) !== undefined;
  return compare(filter.operator, valueOf(filter.left, root, item), valueOf(filter.right, root, item));
}

function valueOf(operand: FilterOperand, root: unknown, item: unknown): unknown {
  return operand.type === 'literal' ? operand.value : evaluate(operand.path, root, item)[0];
}

/** What is not there, or of another type, is neither equal to nor less than anything. */
function compare(operator: Comparison, left: unknown, right: unknown): boolean {
  if (left === undefined || right === undefined) return false;
  switch (operator) {
    case '==':
      return left === right;
    case '!=':
      return left !== right;
    default:
  }
  const isNumbers = typeof left === 'number' && typeof right === 'number';
  if (!isNumbers && !(typeof left === 'string' && typeof right === 'string')) return false;
  switch (operator) {
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    case '>=':
      return left >= right;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
