import { goJsonNumber, goJsonString } from '../go/go-json.ts';
import { formatGoDuration, parseGoDuration } from '../go/go-duration.ts';
import { normaliseTime } from '../go/go-time.ts';
import type { ParseContext } from './parse-context.ts';
import { firstComplaint, notesOf, type Schema, type ValueCheck } from './schema.ts';

const stringTraits = {
  encode: goJsonString,
  isEmpty: (value: string) => value === '',
  isZero: (value: string) => value === '',
  zero: () => '',
};

/** A string that passes every check. */
export function text(...checks: readonly ValueCheck<string>[]): Schema<string> {
  return {
    ...stringTraits,
    typeName: 'string',
    notes: notesOf(checks),
    parse(input, place, context) {
      if (typeof input !== 'string') return context.fail(place, input, 'must be a string');
      const complaint = isChecked(context) ? firstComplaint(checks, input) : undefined;
      if (complaint !== undefined) context.report(place, input, complaint);
      return input;
    },
  };
}

/** A string without a rule of its own. */
export const string = text();

/**
 * One of `values`. What the store already holds is not held to the list: a newer release may know more, so
 * readers must have an answer for values that they do not know.
 */
export function oneOf<const V extends string>(...values: readonly V[]): Schema<V> {
  const allowed: readonly string[] = values;
  return {
    typeName: 'string',
    values,
    parse(input, place, context) {
      if (typeof input !== 'string') return context.fail(place, input, 'must be a string');
      if (isChecked(context) && input !== '' && !allowed.includes(input)) {
        context.report(place, input, `must be one of ${values.join(', ')}`);
      }
      return input as V;
    },
    encode: goJsonString,
    isEmpty: (value) => (value as string) === '',
    isZero: (value) => (value as string) === '',
    zero: () => '' as V,
  };
}

/** true or false. */
export const boolean: Schema<boolean> = {
  typeName: 'boolean',
  parse: (input, place, context) =>
    typeof input === 'boolean' ? input : context.fail(place, input, 'must be true or false'),
  encode: String,
  isEmpty: (value) => !value,
  isZero: (value) => !value,
  zero: () => false,
};

const numberTraits = {
  encode: goJsonNumber,
  isEmpty: (value: number) => value === 0,
  isZero: (value: number) => value === 0,
  zero: () => 0,
};

/** A whole number; `typeMin` and `typeMax` are what the Go type holds, `min` and `max` what is allowed. */
function whole(typeName: string, typeMin: number, typeMax: number, min: number, max: number): Schema<number> {
  return {
    ...numberTraits,
    typeName,
    notes: min === typeMin && max === typeMax ? [] : [rangeNote(min, max)],
    parse(input, place, context) {
      if (typeof input !== 'number' || !Number.isInteger(input))
        return context.fail(place, input, 'must be a whole number');
      if (input < typeMin || input > typeMax) return context.fail(place, input, `must be ${typeMin} to ${typeMax}`);
      if (isChecked(context) && (input < min || input > max)) context.report(place, input, rangeComplaint(min, max));
      return input;
    },
  };
}

function rangeComplaint(min: number, max: number): string {
  return `must be ${rangeNote(min, max)}`;
}

function rangeNote(min: number, max: number): string {
  return max === Number.MAX_SAFE_INTEGER || max === 0x7fff_ffff ? `at least ${min}` : `${min} to ${max}`;
}

/** Go's `int` and `int64`, as far as a double is exact. */
export function int(min: number = Number.MIN_SAFE_INTEGER, max: number = Number.MAX_SAFE_INTEGER): Schema<number> {
  return whole('integer', Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, min, max);
}

export function int32(min = -0x8000_0000, max = 0x7fff_ffff): Schema<number> {
  return whole('int32', -0x8000_0000, 0x7fff_ffff, min, max);
}

export function uint32(min = 0, max = 0xffff_ffff): Schema<number> {
  return whole('uint32', 0, 0xffff_ffff, min, max);
}

export function uint16(min = 0, max = 0xffff): Schema<number> {
  return whole('uint16', 0, 0xffff, min, max);
}

export function uint8(min = 0, max = 0xff): Schema<number> {
  return whole('uint8', 0, 0xff, min, max);
}

/** Go's `float64`. */
export const float: Schema<number> = {
  ...numberTraits,
  typeName: 'number',
  parse: (input, place, context) =>
    typeof input === 'number' && Number.isFinite(input) ? input : context.fail(place, input, 'must be a number'),
};

const MAX_UINT64 = (1n << 64n) - 1n;

/** Go's `uint64`, exact; reads what parseLosslessJson returns. */
export const uint64: Schema<bigint> = {
  typeName: 'uint64',
  parse(input, place, context) {
    const value = typeof input === 'number' && Number.isSafeInteger(input) ? BigInt(input) : input;
    if (typeof value !== 'bigint' || value < 0n || value > MAX_UINT64) {
      return context.fail(place, input, 'must be an unsigned 64-bit number');
    }
    return value;
  },
  encode: String,
  isEmpty: (value) => value === 0n,
  isZero: (value) => value === 0n,
  zero: () => 0n,
};

/** A Go duration, kept as the text that Go prints: "90s" is read as "1m30s". */
export const duration: Schema<string> = {
  ...stringTraits,
  typeName: 'duration',
  parse(input, place, context) {
    const nanoseconds = typeof input === 'string' ? parseGoDuration(input) : undefined;
    if (nanoseconds === undefined) return context.fail(place, input, 'must be a duration such as "90s" or "1m30s"');
    return formatGoDuration(nanoseconds);
  },
  encode: goJsonString,
  isEmpty: (value) => value === '' || value === '0s',
  zero: () => '0s',
};

/** A Kubernetes time: RFC 3339 text in UTC with whole seconds; the empty string is Go's zero time, printed as null. */
export const time: Schema<string> = {
  ...stringTraits,
  typeName: 'time',
  parse(input, place, context) {
    const value = typeof input === 'string' ? normaliseTime(input) : undefined;
    return value ?? context.fail(place, input, 'must be an RFC 3339 time such as "2026-01-02T03:04:05Z"');
  },
  encode: (value) => (value === '' ? 'null' : goJsonString(value)),
};

/** A time in a field that is always printed: what was read as null may be given back as the empty string. */
export const timeOrZero: Schema<string> = {
  ...time,
  parse: (input, place, context) => (input === '' ? input : time.parse(input, place, context)),
};

function isChecked(context: ParseContext): boolean {
  return context.mode.runsChecks;
}
