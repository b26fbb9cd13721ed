/** Stale routes that are kept for long: RFC 9494 4. */
import type { PathAttributes } from '../wire/path-attributes.ts';
import { wellKnownCommunity } from './communities.ts';

const { longLivedStale, noLongLived } = wellKnownCommunity;

export function isLongLivedStale(communities: readonly number[] | undefined): boolean {
  return communities?.includes(longLivedStale) === true;
}

/** The attributes of a route from now on only kept for want of better; `undefined` when it must go (4.2). */
export function markLongLived(attributes: PathAttributes): PathAttributes | undefined {
  const communities = attributes.communities ?? [];
  if (communities.includes(noLongLived)) return undefined;
  return communities.includes(longLivedStale)
    ? attributes
    : { ...attributes, communities: [...communities, longLivedStale] };
}
