import { kindOfPlural, namesOf, type Kind } from './kinds/kind-names.ts';

const ROOT = '/calico/resources/v3/projectcalico.org/';

export interface ResourceKey {
  readonly kind: Kind;
  readonly name: string;
  readonly namespace?: string;
}

/**
 * The store key of a resource. Throws RangeError where a namespaced kind has no namespace, a global kind has
 * one, or a name holds "/" or is empty: such a key would be another object's.
 */
export function resourceKey(kind: Kind, name: string, namespace?: string): string {
  const { plural, isNamespaced } = namesOf(kind);
  if (name === '' || name.includes('/')) throw new RangeError(`"${name}" is not a name of a ${kind}`);
  if (!isNamespaced) {
    if (namespace !== undefined && namespace !== '') throw new RangeError(`${kind} is not namespaced`);
    return `${ROOT}${plural}/${name}`;
  }
  if (namespace === undefined || namespace === '' || namespace.includes('/')) {
    throw new RangeError(`${kind} "${name}" needs a namespace`);
  }
  return `${ROOT}${plural}/${namespace}/${name}`;
}

/** What the keys of all resources of a kind (in a namespace) start with; ends with "/". */
export function resourcePrefix(kind: Kind, namespace?: string): string {
  const { plural, isNamespaced } = namesOf(kind);
  return isNamespaced && namespace !== undefined && namespace !== ''
    ? `${ROOT}${plural}/${namespace}/`
    : `${ROOT}${plural}/`;
}

/** The resource that a key names; undefined for other keys and kinds that are not known. */
export function parseResourceKey(key: string): ResourceKey | undefined {
  if (!key.startsWith(ROOT)) return undefined;
  const [plural = '', ...rest] = key.slice(ROOT.length).split('/');
  const kind = kindOfPlural(plural);
  if (kind === undefined || rest.some((segment) => segment === '')) return undefined;
  const [first, second] = rest.map(unescapeSegment);
  if (namesOf(kind).isNamespaced) {
    return rest.length === 2 && first !== undefined && second !== undefined
      ? { kind, namespace: first, name: second }
      : undefined;
  }
  return rest.length === 1 && first !== undefined ? { kind, name: first } : undefined;
}

function unescapeSegment(segment: string): string {
  if (!segment.includes('%')) return segment;
  return segment.replaceAll('%2f', '/').replaceAll('%25', '%');
}
