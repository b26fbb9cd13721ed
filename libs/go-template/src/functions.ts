import { goSprintf, goType, goValue } from './format.ts';

/** A function of templates; what it throws is an error at its call. */
export type TemplateFunction = (...args: readonly unknown[]) => unknown;

/** Those of text/template that JSON's values have a use for, and calicoctl's own. `and` and `or` are not among them. */
export const builtins: Readonly<Record<string, TemplateFunction>> = {
  not: (value) => !isTrue(value),
  len: length,
  index,
  slice,
  print: (...args) => printed(args),
  println: (...args) => `${args.map(goValue).join(' ')}\n`,
  printf: (format, ...args) => goSprintf(textOf(format, 'printf'), args),
  urlquery: (...args) => encodeURIComponent(printed(args)).replaceAll('%20', '+'),
  html: (...args) => printed(args).replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`),
  eq: (first, ...others) => {
    if (others.length === 0) throw new Error('missing argument for comparison');
    return others.some((other) => isSame(first, other));
  },
  ne: (a, b) => !isSame(a, b),
  lt: (a, b) => compare(a, b) < 0,
  le: (a, b) => compare(a, b) <= 0,
  gt: (a, b) => compare(a, b) > 0,
  ge: (a, b) => compare(a, b) >= 0,
  join: (items, separator) => joined(items, textOf(separator, 'join'), Infinity),
  joinAndTruncate: (items, separator, max) =>
    joined(items, textOf(separator, 'joinAndTruncate'), typeof max === 'number' && max > 0 ? max : Infinity),
};

/** What counts as true in `if`: anything but false, 0, nothing and what is empty. */
export function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (isRecord(value)) return Object.keys(value).length > 0;
  return Boolean(value);
}

function length(value: unknown): number {
  if (typeof value === 'string') return new TextEncoder().encode(value).length;
  if (Array.isArray(value)) return value.length;
  if (isRecord(value)) return Object.keys(value).length;
  throw new Error(`len of type ${goType(value)}`);
}

function index(collection: unknown, ...keys: readonly unknown[]): unknown {
  let value = collection;
  for (const key of keys) {
    if (Array.isArray(value)) {
      if (typeof key !== 'number') throw new Error(`cannot index slice/array with type ${goType(key)}`);
      if (!Number.isInteger(key) || key < 0 || key >= value.length) throw new Error(`index out of range: ${key}`);
      value = value[key] as unknown;
    } else if (isRecord(value)) {
      if (typeof key !== 'string') throw new Error(`value has type ${goType(key)}; should be string`);
      value = Object.hasOwn(value, key) ? value[key] : undefined;
    } else if (value === null || value === undefined) {
      throw new Error('index of untyped nil');
    } else {
      throw new Error(`can't index item of type ${goType(value)}`);
    }
  }
  return value;
}

function slice(value: unknown, ...bounds: readonly unknown[]): unknown {
  if (typeof value !== 'string' && !Array.isArray(value)) throw new Error(`can't slice item of type ${goType(value)}`);
  const [from = 0, to = value.length] = bounds.map((bound) => {
    if (typeof bound !== 'number' || !Number.isInteger(bound) || bound < 0 || bound > value.length) {
      throw new Error(`index out of range: ${goValue(bound)}`);
    }
    return bound;
  });
  return value.slice(from, to);
}

/** By code points, which is the order of their UTF-8 octets. */
function compareText(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)];
  const at = left.findIndex((character, index) => character !== right[index]);
  return at < 0 ? left.length - right.length : (left[at]?.codePointAt(0) ?? 0) - (right[at]?.codePointAt(0) ?? -1);
}

/** A space stands between two values of which neither is text. */
function printed(values: readonly unknown[]): string {
  return values
    .map((value, at) => {
      const needsSpace = at > 0 && typeof value !== 'string' && typeof values[at - 1] !== 'string';
      return `${needsSpace ? ' ' : ''}${goValue(value)}`;
    })
    .join('');
}

function isSame(a: unknown, b: unknown): boolean {
  if (a === null || a === undefined || b === null || b === undefined) return (a ?? null) === (b ?? null);
  if (typeof a === 'object' || typeof b === 'object') throw new Error('non-comparable types in comparison');
  if (typeof a !== typeof b) throw new Error('incompatible types for comparison');
  return a === b;
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  throw new Error('incompatible types for comparison');
}

/** As calicoctl's tables join: a map by its sorted `key=value`; cut to a length of which the dots are a part. */
function joined(items: unknown, separator: string, maxLength: number): string {
  if (items === null || items === undefined) return '';
  const list = isRecord(items)
    ? Object.entries(items)
        .map(([key, value]) => `${key}=${goValue(value)}`)
        .sort()
    : Array.isArray(items)
      ? items.map(goValue)
      : [goValue(items)];
  const text = list.join(separator);
  return text.length > maxLength ? `${text.slice(0, Math.max(0, maxLength - 3))}...` : text;
}

function textOf(value: unknown, name: string): string {
  if (typeof value === 'string') return value;
  throw new Error(`${name} needs text, not ${goType(value)}`);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
