import { goJsonString } from '../go/go-json.ts';
import { isRecord } from './containers.ts';
import { FAILED } from './parse-context.ts';
import { notesOf, type Schema } from './schema.ts';

/**
 * When Go leaves a field out: `never`; when `empty` (`omitempty`; no effect on a struct); when `nil` (a pointer
 * with `omitempty`: false and 0 stay); when `zero` (`omitzero`); or `null` for a pointer that is printed as null.
 */
export type Omission = 'never' | 'empty' | 'nil' | 'zero' | 'null';

export interface FieldRules<T> {
  /** What the CRD fills in where the document has nothing (or, for omitempty, an empty value). */
  readonly default?: T;
  /** The document must have it, and not empty. */
  readonly mandatory?: boolean;
  /** For documentation: what it means. */
  readonly description?: string;
  /** For documentation: what the programs that read it go by where it is not set. */
  readonly unset?: string;
}

/** A field's rules, or its description alone. */
export type FieldRulesOrText<T> = FieldRules<T> | string;

function rulesOf<T>(rules: FieldRulesOrText<T>): FieldRules<T> {
  return typeof rules === 'string' ? { description: rules } : rules;
}

export interface Field<T, IsRequired extends boolean> extends FieldRules<T> {
  readonly schema: Schema<T>;
  readonly omission: Omission;
  /** Whether TypeScript callers must give it. */
  readonly isRequired: IsRequired;
}

/** No `omitempty`: always printed. */
export function always<T>(schema: Schema<T>, rules: FieldRulesOrText<T> = {}): Field<T, true> {
  return { ...rulesOf(rules), schema, omission: 'never', isRequired: true };
}

/** As always, for a field that callers may leave out. */
export function alwaysPrinted<T>(schema: Schema<T>, rules: FieldRulesOrText<T> = {}): Field<T, false> {
  return { ...rulesOf(rules), schema, omission: 'never', isRequired: false };
}

/** `omitempty` on a value that every object has. */
export function required<T>(schema: Schema<T>, rules: FieldRulesOrText<T> = {}): Field<T, true> {
  return { ...rulesOf(rules), schema, omission: 'empty', isRequired: true };
}

/** `omitempty`. */
export function optional<T>(schema: Schema<T>, rules: FieldRulesOrText<T> = {}): Field<T, false> {
  return { ...rulesOf(rules), schema, omission: 'empty', isRequired: false };
}

/** A pointer with `omitempty`. */
export function pointer<T>(schema: Schema<T>, rules: FieldRulesOrText<T> = {}): Field<T, false> {
  return { ...rulesOf(rules), schema, omission: 'nil', isRequired: false };
}

/** `omitzero`. */
export function zeroable<T>(schema: Schema<T>, rules: FieldRulesOrText<T> = {}): Field<T, false> {
  return { ...rulesOf(rules), schema, omission: 'zero', isRequired: false };
}

/** A pointer or slice without `omitempty`: null where there is nothing. */
export function nullable<T>(schema: Schema<T>): Field<T | null, true> {
  const nullSchema: Schema<T | null> = {
    typeName: schema.typeName,
    parse: (input, place, context) => schema.parse(input, place, context),
    encode: (value) => (value === null ? 'null' : schema.encode(value)),
    isEmpty: (value) => value === null,
    isZero: (value) => value === null,
    zero: () => null,
  };
  return { schema: nullSchema, omission: 'null', isRequired: true };
}

export type Fields = Readonly<Record<string, Field<unknown, boolean>>>;

type FieldValue<F> = F extends Field<infer T, boolean> ? T : never;
type RequiredNames<F extends Fields> = { [K in keyof F]: F[K]['isRequired'] extends true ? K : never }[keyof F];
type Flat<T> = { [K in keyof T]: T[K] };

/** The object type of a struct's fields. */
export type StructValue<F extends Fields> = Flat<
  { readonly [K in RequiredNames<F>]: FieldValue<F[K]> } & {
    readonly [K in Exclude<keyof F, RequiredNames<F>>]?: FieldValue<F[K]> | undefined;
  }
>;

/** Tells where, from the struct on, and what is wrong. */
export type Report = (path: readonly (string | number)[], value: unknown, message: string) => void;

/** A rule over several fields of a struct; runs only where all of them could be read. */
export interface StructCheck<T> {
  (value: T, report: Report): void;
  /** The rule in words, for the reference pages. */
  readonly note?: string | undefined;
}

export interface StructSchema<T> extends Schema<T> {
  readonly fields: Fields;
  readonly isStruct: true;
}

/** Whether it is a struct's schema, with fields. */
export function isStruct(schema: Schema<unknown>): schema is StructSchema<unknown> {
  return 'isStruct' in schema;
}

function isMissing(field: Field<unknown, boolean>, value: unknown): boolean {
  return value === undefined || (field.omission === 'empty' && field.schema.isEmpty(value));
}

/** Whether a document leaves a field out, or says nothing in it; a pointer's 0 and "" say something. */
function isNothing(field: Field<unknown, boolean>, raw: unknown): boolean {
  return raw === undefined || (field.omission !== 'nil' && (raw === '' || raw === 0));
}

function encodeField(field: Field<unknown, boolean>, value: unknown): string | undefined {
  const { schema, omission } = field;
  if (value === undefined) {
    if (omission === 'never' || omission === 'null') return schema.encode(schema.zero());
    return omission === 'empty' && isStruct(schema) ? schema.encode(schema.zero()) : undefined;
  }
  if (omission === 'empty' && schema.isEmpty(value)) return undefined;
  if (omission === 'zero' && schema.isZero(value)) return undefined;
  return schema.encode(value);
}

/** A field as it is read and printed. */
interface Entry {
  readonly name: string;
  readonly field: Field<unknown, boolean>;
  /** Its name and colon in JSON. */
  readonly prefix: string;
}

/** A Go struct: `fields` in Go's order, `checks` over the whole. */
export function struct<const F extends Fields>(
  typeName: string,
  fields: F,
  ...checks: readonly StructCheck<StructValue<F>>[]
): StructSchema<StructValue<F>> {
  // On first use: a program that starts for one command uses few of all the structs that there are.
  let known: readonly Entry[] | undefined;
  const entries = (): readonly Entry[] =>
    (known ??= Object.entries(fields).map(([name, field]) => ({ name, field, prefix: `${goJsonString(name)}:` })));
  const zero = (): StructValue<F> => {
    const zeros = entries()
      .filter(({ field }) => field.isRequired)
      .map(({ name, field }) => [name, field.schema.zero()]);
    // The fields that TypeScript requires are exactly those that were just made.
    return Object.fromEntries(zeros) as StructValue<F>;
  };
  const member = (value: StructValue<F>, name: string): unknown => value[name as keyof StructValue<F>];
  return {
    typeName,
    fields,
    notes: notesOf(checks),
    isStruct: true,
    parse(input, place, context) {
      if (!isRecord(input)) return context.fail(place, input, 'must be an object');
      const { fillsDefaults, runsChecks, refusesUnknownFields, onUnknownField } = context.mode;
      const failuresBefore = context.failures;
      const value: Record<string, unknown> = {};
      for (const { name, field } of entries()) {
        const raw = input[name] ?? undefined;
        const fieldPlace = { parent: place, key: name };
        if (runsChecks && field.mandatory === true && isNothing(field, raw)) {
          context.fail(fieldPlace, raw, 'is required');
          continue;
        }
        const result = raw === undefined ? undefined : field.schema.parse(raw, fieldPlace, context);
        let parsed = result === FAILED ? undefined : result;
        if (fillsDefaults && isMissing(field, parsed) && field.default !== undefined) parsed = field.default;
        if (raw === undefined && parsed === undefined && field.isRequired) parsed = field.schema.zero();
        if (parsed !== undefined) value[name] = parsed;
      }
      if (refusesUnknownFields || onUnknownField !== undefined) {
        for (const key of Object.keys(input)) {
          if (!Object.hasOwn(fields, key)) context.unknownField({ parent: place, key }, input[key]);
        }
      }
      if (context.failures > failuresBefore) return FAILED;
      const whole = value as StructValue<F>;
      if (runsChecks) {
        for (const check of checks) {
          check(whole, (path, culprit, message) => {
            context.report(
              path.reduce<typeof place>((parent, key) => ({ parent, key }), place),
              culprit,
              message,
            );
          });
        }
      }
      return whole;
    },
    encode(value) {
      const members: string[] = [];
      for (const { name, field, prefix } of entries()) {
        const encoded = encodeField(field, member(value, name));
        if (encoded !== undefined) members.push(prefix + encoded);
      }
      return `{${members.join(',')}}`;
    },
    isEmpty: () => false,
    isZero: (value) =>
      entries().every(({ name, field }) => {
        const current = member(value, name);
        return current === undefined || (field.omission !== 'nil' && field.schema.isZero(current));
      }),
    zero,
  };
}
