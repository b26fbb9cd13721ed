/** What an accepting rule changes in a route: the operations of Calico's BGPFilter. */
import { prependAs } from '../wire/as-path.ts';
import type { LargeCommunity, PathAttributes } from '../wire/path-attributes.ts';
import type { ParsedCommunity } from './communities.ts';
import { localPrefFor } from './priority.ts';

export type RouteOperation =
  | { readonly kind: 'add-community'; readonly community: ParsedCommunity }
  /** The first AS number stands first in the path. */
  | { readonly kind: 'prepend-as-path'; readonly asns: readonly number[] }
  | { readonly kind: 'set-priority'; readonly priority: number };

export type PolicyDirection = 'import' | 'export';

/**
 * The attributes after the operations, in their order. A priority is the kernel metric of what is imported, and the
 * LOCAL_PREF of what is exported, by which Calico's nodes tell each other of it.
 */
export function applyOperations(
  attributes: PathAttributes,
  operations: readonly RouteOperation[],
  direction: PolicyDirection,
): PathAttributes {
  return operations.reduce((before, operation) => applyOperation(before, operation, direction), attributes);
}

function applyOperation(
  attributes: PathAttributes,
  operation: RouteOperation,
  direction: PolicyDirection,
): PathAttributes {
  switch (operation.kind) {
    case 'add-community':
      return withCommunity(attributes, operation.community);
    case 'prepend-as-path':
      return { ...attributes, asPath: operation.asns.reduceRight(prependAs, attributes.asPath) };
    case 'set-priority':
      return direction === 'import'
        ? { ...attributes, priority: operation.priority }
        : { ...attributes, localPref: localPrefFor(operation.priority) };
  }
}

/** A community that is there is not added again. */
function withCommunity(attributes: PathAttributes, community: ParsedCommunity): PathAttributes {
  if (carriesCommunity(attributes, community)) return attributes;
  const { communities = [], largeCommunities = [] } = attributes;
  return community.kind === 'standard'
    ? { ...attributes, communities: [...communities, community.value] }
    : { ...attributes, largeCommunities: [...largeCommunities, community.value] };
}

export function carriesCommunity(
  { communities, largeCommunities }: PathAttributes,
  community: ParsedCommunity,
): boolean {
  if (community.kind === 'standard') return communities?.includes(community.value) === true;
  return largeCommunities?.some((other) => isSame(other, community.value)) === true;
}

function isSame(a: LargeCommunity, b: LargeCommunity): boolean {
  return a.every((part, index) => part === b[index]);
}
