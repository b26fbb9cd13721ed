import { goType } from './format.ts';

/** Go's embedded structs, which JSON has under another name or in the object itself. */
const EMBEDDED: Readonly<Record<string, string>> = { ObjectMeta: 'metadata', ListMeta: 'metadata', TypeMeta: '' };

/**
 * A field of a value, by the name that JSON has (`.spec.cidr`) or by that of Calico's Go type (`.Spec.CIDR`,
 * `.ObjectMeta.Name`, also `.Name`), which real calicoctl's templates are written with. Nothing where there is
 * no such field.
 * @throws Error for a value that can't have fields.
 */
export function fieldOf(value: unknown, name: string): unknown {
  if (value === null || value === undefined) return undefined;
  if (!isRecord(value)) throw new Error(`can't evaluate field ${name} in type ${goType(value)}`);
  if (Object.hasOwn(value, name)) return value[name];
  const embedded = EMBEDDED[name];
  if (embedded !== undefined) return embedded === '' ? value : value[embedded];
  const { metadata } = value;
  return ignoringCase(value, name) ?? (isRecord(metadata) ? ignoringCase(metadata, name) : undefined);
}

function ignoringCase(value: Readonly<Record<string, unknown>>, name: string): unknown {
  if (!/^\p{Lu}/u.test(name)) return undefined; // no name of a Go field
  const key = Object.keys(value).find((candidate) => candidate.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : value[key];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
