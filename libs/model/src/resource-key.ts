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

/** Where Calico's store has LiveMigrations, which are nobody's but the orchestrator's and Felix's: no kind of ours. */
export const liveMigrationPrefix = `${ROOT}livemigrations/`;

/** The resource that a key names; undefined for other keys and kinds that are not known. */
export function parseResourceKey(key: string): ResourceKey | undefined {
  if (!key.startsWith(ROOT)) return undefined;
  const kindEnd = key.indexOf('/', ROOT.length);
  const kind = kindEnd === -1 ? undefined : kindOfPlural(key.slice(ROOT.length, kindEnd));
  if (kind === undefined) return undefined;
  const first = kindEnd + 1;
  const firstEnd = key.indexOf('/', first);
  if (!namesOf(kind).isNamespaced) {
    return firstEnd === -1 && first < key.length ? { kind, name: unescapeSegment(key.slice(first)) } : undefined;
  }
  const second = firstEnd + 1;
  const isPair = firstEnd > first && second < key.length && !key.includes('/', second);
  if (!isPair) return undefined;
  return { kind, namespace: unescapeSegment(key.slice(first, firstEnd)), name: unescapeSegment(key.slice(second)) };
}

function unescapeSegment(segment: string): string {
  if (!segment.includes('%')) return segment;
  return segment.replaceAll('%2f', '/').replaceAll('%25', '%');
}
