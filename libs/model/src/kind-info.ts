import type { Cell } from './kinds/columns.ts';
import { kinds, namesOf, type Kind } from './kinds/kind-names.ts';
import { definitionOf, type Resource } from './kinds/registry.ts';

/** What a program that handles every kind alike must know of one. */
export interface KindInfo<K extends Kind = Kind> {
  readonly kind: K;
  /** Lower case, as in store keys. */
  readonly plural: string;
  readonly namespaced: boolean;
  /** Names that calicoctl accepts besides the kind and its plural, in lower case. */
  readonly shortNames: readonly string[];
  /** Headings of `calicoctl get`. */
  readonly defaultColumns: readonly string[];
  /** Headings of `calicoctl get -o wide`. */
  readonly wideColumns: readonly string[];
  /** Every heading that custom columns may name, with its cell. */
  readonly columns: Readonly<Record<string, Cell<Resource<K>>>>;
}

export function kindInfo<K extends Kind>(kind: K): KindInfo<K> {
  const { plural, isNamespaced, shortNames } = namesOf(kind);
  const { columns } = definitionOf(kind);
  const cells: Record<string, Cell<Resource<K>>> = { NAME: ({ metadata }) => metadata.name };
  if (isNamespaced) cells['NAMESPACE'] = ({ metadata }) => metadata.namespace ?? '';
  return {
    kind,
    plural,
    namespaced: isNamespaced,
    shortNames,
    defaultColumns: columns.get,
    wideColumns: columns.wide ?? columns.get,
    // The cells in the table of `kind` are those of its resource type.
    columns: { ...cells, ...(columns.cells as Readonly<Record<string, Cell<Resource<K>>>>) },
  };
}

const kindsByName: ReadonlyMap<string, Kind> = new Map(
  kinds.flatMap((kind) => {
    const { plural, shortNames } = namesOf(kind);
    return [kind.toLowerCase(), plural, ...shortNames].map((name) => [name, kind] as const);
  }),
);

/** The kind that a user means by a name, in any case: "ippool", "IPPools", "pool". */
export function findKind(nameOrAlias: string): Kind | undefined {
  return kindsByName.get(nameOrAlias.toLowerCase());
}
