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
  /** What its values are held to, in words, for the reference pages. */
  readonly notes?: readonly string[];
  /** Of a list or map: what its members are. */
  readonly member?: Schema<unknown>;
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
export interface ValueCheck<T> {
  (value: T): string | undefined;
  /** The rule in words, for the reference pages. */
  readonly note?: string | undefined;
}

/** A check that says its rule in words. */
export function noted<C extends (...values: never[]) => unknown>(
  note: string,
  check: C,
): C & { readonly note: string } {
  return Object.assign(check.bind(undefined) as C, { note });
}

/** The rules in words of checks that have any. */
export function notesOf(checks: readonly { readonly note?: string | undefined }[]): readonly string[] {
  return checks.flatMap(({ note }) => note ?? []);
}

/** The first complaint of several checks. */
export function firstComplaint<T>(checks: readonly ValueCheck<T>[], value: T): string | undefined {
  for (const check of checks) {
    const complaint = check(value);
    if (complaint !== undefined) return complaint;
  }
  return undefined;
}
