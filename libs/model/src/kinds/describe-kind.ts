import type { Schema } from '../schema/schema.ts';
import { isStruct, type Field, type StructSchema } from '../schema/struct.ts';
import { API_VERSION } from './definition.ts';
import { namesOf, type Kind } from './kind-names.ts';
import { definitionOf } from './registry.ts';

/** One field, as a reference page shows it. */
export interface FieldDescription {
  readonly name: string;
  /** In Go's spelling: `[]Rule`, `map[string]string`. */
  readonly type: string;
  /** The struct that the type, its items or its values are. */
  readonly struct: string | undefined;
  readonly isRequired: boolean;
  readonly description: string;
  /** What is stored where the document has nothing, as JSON. */
  readonly default: string | undefined;
  /** What programs go by where nothing is stored. */
  readonly unset: string | undefined;
  /** The values of an enumeration, or of its items. */
  readonly values: readonly string[];
  readonly rules: readonly string[];
}

export interface StructDescription {
  readonly name: string;
  readonly fields: readonly FieldDescription[];
  /** Rules over several fields. */
  readonly rules: readonly string[];
}

/** All that the tables of a kind say of it. */
export interface KindDescription {
  readonly kind: Kind;
  readonly summary: string;
  /** What names it may have. */
  readonly nameRule: string;
  readonly isNamespaced: boolean;
  /** What calicoctl calls it besides: its plural and short names. */
  readonly aliases: readonly string[];
  readonly columns: readonly string[];
  readonly wideColumns: readonly string[];
  /** The resource itself first, then what its fields are made of. */
  readonly structs: readonly StructDescription[];
  /** Rules that only the store can check. */
  readonly storeRules: readonly string[];
  readonly example: Readonly<Record<string, unknown>>;
}

/** Describes a kind from its one table. */
export function describeKind(kind: Kind): KindDescription {
  const { isNamespaced, plural, shortNames } = namesOf(kind);
  const { docs, name, columns, schema } = definitionOf(kind);
  return {
    kind,
    summary: docs.summary,
    nameRule: name.note ?? '',
    isNamespaced,
    aliases: [plural, ...shortNames],
    columns: columns.get,
    wideColumns: columns.wide ?? columns.get,
    structs: [...structsOf(schema).values()].map(describeStruct),
    storeRules: docs.storeRules ?? [],
    example: { apiVersion: API_VERSION, kind, ...docs.example },
  };
}

type AnyStruct = StructSchema<unknown>;

/** A struct and all structs within it, by name, outer ones first. */
function structsOf(schema: AnyStruct, found = new Map<string, AnyStruct>()): ReadonlyMap<string, AnyStruct> {
  if (found.has(schema.typeName)) return found;
  found.set(schema.typeName, schema);
  for (const { schema: inner } of Object.values(schema.fields)) {
    const struct = structOf(inner);
    if (struct !== undefined) structsOf(struct, found);
  }
  return found;
}

/** The struct that a type is, or that its items or values are. */
function structOf(schema: Schema<unknown>): AnyStruct | undefined {
  if (isStruct(schema)) return schema;
  return schema.member === undefined ? undefined : structOf(schema.member);
}

function describeStruct({ typeName, fields, notes = [] }: AnyStruct): StructDescription {
  return {
    name: typeName,
    fields: Object.entries(fields).map(([name, field]) => describeField(name, field)),
    rules: notes,
  };
}

function describeField(name: string, field: Field<unknown, boolean>): FieldDescription {
  const { schema } = field;
  const struct = structOf(schema);
  return {
    name,
    type: schema.typeName,
    struct: struct?.typeName,
    isRequired: field.mandatory === true,
    description: field.description ?? '',
    default: field.default === undefined ? undefined : JSON.stringify(field.default),
    unset: field.unset,
    values: valuesOf(schema),
    rules: struct === schema ? [] : rulesOf(schema),
  };
}

function valuesOf({ values, member }: Schema<unknown>): readonly string[] {
  return values ?? (member === undefined ? [] : valuesOf(member));
}

function rulesOf({ notes = [], member }: Schema<unknown>): readonly string[] {
  if (member === undefined || isStruct(member)) return notes;
  return [...notes, ...rulesOf(member).map((rule) => `each: ${rule}`)];
}
