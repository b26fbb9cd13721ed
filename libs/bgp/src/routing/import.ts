/** Whether a received path is usable at all, before any filter: RFC 4271 9.1.2 and 5.1.3, RFC 4456 8. */
import { countAs, neighborAs } from '../wire/as-path.ts';
import { countPlainAs, hasPlainValue, plainNeighborAs, type PlainAttributes } from '../wire/plain-attributes.ts';
import type { PathAttributes } from '../wire/path-attributes.ts';
import { usedNextHop, type NextHop } from './next-hop.ts';

export interface ImportTarget {
  readonly localAs: number;
  /** How often our AS may stand in a path. */
  readonly allowedLocalAs: number;
  readonly routerId: number;
  readonly clusterId: number;
  readonly external: boolean;
  /** What paths have to begin with (RFC 4271 6.3); undefined: anything. */
  readonly firstAs?: number | undefined;
  readonly isLocalAddress: (address: NextHop) => boolean;
}

export type ImportProblem = 'first-as' | 'as-loop' | 'own-originator' | 'cluster-loop' | 'own-next-hop' | 'no-next-hop';

/** Why a path from a peer must not be used; `undefined` when it may. */
export function checkImport(attributes: PathAttributes, target: ImportTarget): ImportProblem | undefined {
  // RFC 7606 7.2: what is wrong with a path makes its routes withdrawn ones.
  if (target.firstAs !== undefined && neighborAs(attributes.asPath) !== target.firstAs) return 'first-as';
  // RFC 4271 9.1.2: our own AS in the path is a loop.
  if (countAs(attributes.asPath, target.localAs) > target.allowedLocalAs) return 'as-loop';
  // RFC 4456 8: what we or our cluster sent out comes back.
  if (!target.external) {
    if (attributes.originatorId === target.routerId) return 'own-originator';
    if (attributes.clusterList?.includes(target.clusterId) === true) return 'cluster-loop';
  }
  const nextHop = usedNextHop(attributes);
  if (nextHop === undefined) return 'no-next-hop';
  // RFC 4271 5.1.3: never a route through ourselves.
  return target.isLocalAddress(nextHop) ? 'own-next-hop' : undefined;
}

/** What `checkImport` says of a plain attribute list, but for the next hop. */
export function checkPlainImport(
  bytes: Uint8Array,
  plain: PlainAttributes,
  target: Omit<ImportTarget, 'isLocalAddress'>,
): ImportProblem | undefined {
  if (target.firstAs !== undefined && plainNeighborAs(bytes, plain) !== target.firstAs) return 'first-as';
  if (countPlainAs(bytes, plain, target.localAs) > target.allowedLocalAs) return 'as-loop';
  if (target.external) return undefined;
  if (plain.hasOriginator && plain.originatorId === target.routerId) return 'own-originator';
  const { clusterListStart, clusterListEnd } = plain;
  return hasPlainValue(bytes, clusterListStart, clusterListEnd, target.clusterId) ? 'cluster-loop' : undefined;
}
