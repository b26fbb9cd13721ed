import type { FAILED, ParseContext, Place } from './parse-context.ts';

/**
 * How one Go type is read, checked and printed. `T` is the TypeScript type that callers see.
 * One value of this per field is the single source for types, encoding, defaults, validation and docs.
 */
export interface Schema<T> {
  /** For documentation: `string`, `[]string`, `Rule`. */
  readonly typeName: string;
  /** The values that it is limited to, where it is an enumeration. */
  readonly values?: readonly string[];
  /** Reads a value that is not null. */
  parse(input: unknown, place: Place | undefined, context: ParseContext): T | typeof FAILED;
  /** The bytes that Go prints. */
  encode(value: T): string;
  /** Whether Go's `omitempty` leaves it out. */
  isEmpty(value: T): boolean;
  /** Whether Go's `omitzero` leaves it out. */
  isZero(value: T): boolean;
  /** What Go has where nothing was set. */
  zero(): T;
}

/** The TypeScript type of a schema's values. */
export type Infer<S> = S extends Schema<infer T> ? T : never;

/** Says what is wrong with a value, or undefined. */
export type ValueCheck<T> = (value: T) => string | undefined;

/** The first complaint of several checks. */
export function firstComplaint<T>(checks: readonly ValueCheck<T>[], value: T): string | undefined {
  for (const check of checks) {
    const complaint = check(value);
    if (complaint !== undefined) return complaint;
  }
  return undefined;
}
