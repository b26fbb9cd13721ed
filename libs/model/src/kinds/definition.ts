import type { Columns } from './columns.ts';
import { oneOf } from '../schema/scalars.ts';
import type { ValueCheck } from '../schema/schema.ts';
import {
  always,
  struct,
  type Fields,
  type StructCheck,
  type StructSchema,
  type StructValue,
} from '../schema/struct.ts';
import type { Kind } from './kind-names.ts';
import { objectMeta, type ObjectMeta } from './object-meta.ts';

export const API_VERSION = 'projectcalico.org/v3';

/** One object of the store, of a kind whose spec and status are `S`. */
export type ResourceShape<K extends string, B extends Fields> = {
  readonly kind: K;
  readonly apiVersion: typeof API_VERSION;
  readonly metadata: ObjectMeta;
} & StructValue<B>;

/** What the reference page says of a kind besides its fields and their rules. */
export interface KindDocs {
  /** What it is for, in a sentence or two. */
  readonly summary: string;
  /** A document as a user writes it, without `kind` and `apiVersion`; it must parse. */
  readonly example: { readonly metadata: Readonly<Record<string, unknown>>; readonly spec: unknown };
  /** Rules that only the store can check, since they are about other objects or what was there before. */
  readonly storeRules?: readonly string[];
}

/** Everything that there is to say about one kind. */
export interface KindDefinition<K extends Kind = Kind, R = unknown> {
  readonly kind: K;
  readonly name: ValueCheck<string>;
  readonly docs: KindDocs;
  readonly columns: Columns<R>;
  readonly schema: StructSchema<R>;
  /** What Calico's client fills in before it writes; runs on a resource whose types are right. */
  readonly onWrite: (resource: R) => R;
  /** What Calico's client fills in when it reads an older record. */
  readonly onRead: (resource: R) => R;
  /** Fields of older releases, translated before the record is read. */
  readonly readLegacy: (record: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>;
}

export interface KindRules<K extends Kind, B extends Fields> {
  readonly kind: K;
  readonly name: ValueCheck<string>;
  readonly docs: KindDocs;
  /** What calicoctl's tables show. */
  readonly columns?: Columns<ResourceShape<K, B>>;
  /** `spec` and, where the kind has one, `status`. */
  readonly body: B;
  readonly checks?: readonly StructCheck<ResourceShape<K, B>>[];
  readonly onWrite?: (resource: ResourceShape<K, B>) => ResourceShape<K, B>;
  readonly onRead?: (resource: ResourceShape<K, B>) => ResourceShape<K, B>;
  readonly readLegacy?: (record: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>;
}

/** Makes a kind of its table. */
export function defineKind<const K extends Kind, const B extends Fields>(
  rules: KindRules<K, B>,
): KindDefinition<K, ResourceShape<K, B>> {
  type R = ResourceShape<K, B>;
  const { kind, name, docs, body, checks = [] } = rules;
  const { columns = { get: ['NAME'], cells: {} } } = rules;
  const fields: Fields = {
    kind: always(oneOf(kind), 'The kind.'),
    apiVersion: always(oneOf(API_VERSION), "The form's version."),
    metadata: always(objectMeta, 'Name, labels and what the store keeps about the object.'),
    ...body,
  };
  // StructValue of these fields is ResourceShape by construction; the compiler cannot see it through the generic.
  const schema = struct(kind, fields, ...(checks as readonly StructCheck<unknown>[])) as unknown as StructSchema<R>;
  return {
    kind,
    name,
    docs,
    columns,
    schema,
    onWrite: rules.onWrite ?? identity,
    onRead: rules.onRead ?? identity,
    readLegacy: rules.readLegacy ?? identity,
  };
}

function identity<T>(value: T): T {
  return value;
}

/** A kind's resource type. */
export type ResourceOfDefinition<D> = D extends KindDefinition<Kind, infer R> ? R : never;
