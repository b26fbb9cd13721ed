import type { FieldDescription, KindDescription, StructDescription } from '@calico-node/model';

/** An OpenAPI v3 schema as Kubernetes takes it: structural, so that each level says its type. */
export interface CrdSchema {
  readonly type?: 'string' | 'integer' | 'number' | 'boolean' | 'object' | 'array';
  readonly format?: string;
  readonly enum?: readonly string[];
  readonly nullable?: boolean;
  readonly items?: CrdSchema;
  readonly properties?: Readonly<Record<string, CrdSchema>>;
  readonly additionalProperties?: CrdSchema;
  readonly required?: readonly string[];
  readonly 'x-kubernetes-int-or-string'?: true;
  readonly 'x-kubernetes-preserve-unknown-fields'?: true;
}

const intOrString: CrdSchema = { 'x-kubernetes-int-or-string': true };

/** The types of `libs/model`'s tables that are no structs. */
const scalars: Readonly<Record<string, CrdSchema>> = {
  string: { type: 'string' },
  boolean: { type: 'boolean' },
  integer: { type: 'integer', format: 'int64' },
  int32: { type: 'integer', format: 'int32' },
  uint8: { type: 'integer', format: 'int32' },
  uint16: { type: 'integer', format: 'int32' },
  uint32: { type: 'integer', format: 'int64' },
  ASNumber: { type: 'integer', format: 'int64' },
  number: { type: 'number' },
  duration: { type: 'string' },
  // Go prints a time that was never set as null.
  time: { type: 'string', format: 'date-time', nullable: true },
  Port: intOrString,
  Protocol: intOrString,
  DSCP: intOrString,
  IntOrString: intOrString,
  object: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
};

function schemaOfType(type: string, field: FieldDescription, structs: readonly StructDescription[]): CrdSchema {
  if (type.startsWith('[]')) return { type: 'array', items: schemaOfType(type.slice(2), field, structs) };
  const map = /^map\[string\](.*)$/.exec(type)?.[1];
  if (map !== undefined) return { type: 'object', additionalProperties: schemaOfType(map, field, structs) };
  if (type === field.struct) return structSchema(structNamed(type, structs), structs);
  const scalar = scalars[type];
  if (scalar === undefined) throw new TypeError(`${field.name}: no schema is known for the type ${type}`);
  const isEnumeration = type === 'string' && field.values.length > 0;
  return isEnumeration ? { ...scalar, enum: field.values } : scalar;
}

function structNamed(name: string, structs: readonly StructDescription[]): StructDescription {
  const found = structs.find((struct) => struct.name === name);
  if (found === undefined) throw new TypeError(`there is no struct ${name}`);
  return found;
}

function structSchema(struct: StructDescription, structs: readonly StructDescription[]): CrdSchema {
  const properties = struct.fields.map((field) => [field.name, schemaOfType(field.type, field, structs)] as const);
  return { type: 'object', properties: Object.fromEntries(properties) };
}

/**
 * What Kubernetes checks of a kind: the types and the enumerations of its table. What is mandatory, and rules over
 * several fields, are left to those who write: a reader must take what older releases stored.
 */
export function kindSchema(description: KindDescription): CrdSchema {
  const [resource] = description.structs;
  if (resource === undefined) throw new TypeError(`${description.kind} has no table`);
  return withMetadata(structSchema(resource, description.structs).properties ?? {});
}

/** A whole object's schema: Kubernetes looks after `metadata` itself. */
export function withMetadata(properties: Readonly<Record<string, CrdSchema>>): CrdSchema {
  const { spec, status } = properties;
  return {
    type: 'object',
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      ...(spec === undefined ? {} : { spec }),
      ...(status === undefined ? {} : { status }),
    },
  };
}
