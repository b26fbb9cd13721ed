import { isRecord } from './schema/containers.ts';
import type { ObjectMeta } from './kinds/object-meta.ts';

/*
 * How a policy keeps its name: in an annotation, since releases until 3.31 stored `default.foo` where the
 * user wrote `foo`, and both must read the same.
 */

const NAME_ANNOTATION = 'projectcalico.org/metadata';

/** Kinds whose records carry the annotation. */
const POLICY_KINDS: ReadonlySet<string> = new Set([
  'NetworkPolicy',
  'GlobalNetworkPolicy',
  'StagedNetworkPolicy',
  'StagedGlobalNetworkPolicy',
]);

export function hasNameAnnotation(kind: string): boolean {
  return POLICY_KINDS.has(kind);
}

/** The metadata as stored, with the annotation. */
export function withNameAnnotation(metadata: ObjectMeta): ObjectMeta {
  const annotation = `{"name":${JSON.stringify(metadata.name)}}`;
  return { ...metadata, annotations: { ...metadata.annotations, [NAME_ANNOTATION]: annotation } };
}

/** The metadata without the annotation, under the name that the user gave. */
export function withoutNameAnnotation(metadata: ObjectMeta, tier: string | undefined): ObjectMeta {
  const { annotations = {}, ...rest } = metadata;
  const { [NAME_ANNOTATION]: annotation, ...others } = annotations;
  const name = nameOf(annotation) ?? unprefixedName(metadata.name, tier);
  return Object.keys(others).length > 0 ? { ...rest, name, annotations: others } : { ...rest, name };
}

function nameOf(annotation: string | undefined): string | undefined {
  if (annotation === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(annotation);
    const name = isRecord(value) ? value['name'] : undefined;
    return typeof name === 'string' && name !== '' ? name : undefined;
  } catch {
    return undefined;
  }
}

function unprefixedName(name: string, tier = ''): string {
  const isInDefaultTier = tier === '' || tier === 'default';
  return isInDefaultTier && name.startsWith('default.') ? name.slice('default.'.length) : name;
}
