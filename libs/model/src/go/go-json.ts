/*
 * JSON as Go's `encoding/json` prints it: the store's other readers and writers are Go programs, and values
 * that mean the same must be the same bytes.
 */

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '\\u0026',
  '<': '\\u003c',
  '>': '\\u003e',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
};

/** A JSON string with Go's HTML-safe escapes; lone surrogates become U+FFFD. */
export function goJsonString(text: string): string {
  return JSON.stringify(text.toWellFormed()).replace(/[&<>\u2028\u2029]/g, (char) => ESCAPES[char] ?? char);
}

/** A float64: plain digits from 1e-6 up to 1e21, as JavaScript has it, and `-0`. Throws RangeError unless finite. */
export function goJsonNumber(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError(`${value} has no JSON form`);
  return Object.is(value, -0) ? '-0' : String(value);
}

/**
 * A value of plain objects, arrays, strings, numbers, bigints, booleans and null, with keys in the order that
 * they have; undefined members are left out.
 */
export function goJsonStringify(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return goJsonString(value);
    case 'number':
      return goJsonNumber(value);
    case 'bigint':
    case 'boolean':
      return String(value);
    case 'object':
      break;
    default:
      throw new TypeError(`a ${typeof value} has no JSON form`);
  }
  if (value === null) return 'null';
  if (Array.isArray(value)) return `[${value.map(goJsonStringify).join(',')}]`;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members.map(([key, member]) => `${goJsonString(key)}:${goJsonStringify(member)}`).join(',')}}`;
}

/** JSON.parse, with integers that a double cannot hold exactly as bigints. Throws SyntaxError. */
export function parseLosslessJson(text: string): unknown {
  return JSON.parse(text, losslessReviver) as unknown;
}

/** What ES2025's JSON.parse tells a reviver: the text that a primitive was read from. */
interface ReviverContext {
  readonly source?: string;
}

function losslessReviver(_key: string, value: unknown, context?: ReviverContext): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
  const source = context?.source ?? '';
  return /^-?[0-9]+$/.test(source) ? BigInt(source) : value;
}
