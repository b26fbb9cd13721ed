import type { IpAddress } from '@calico-node/net';
import type { NextHop } from './next-hop.ts';

/**
 * Whether a next hop is one that the source may not tell of (RFC 4271 6.3): an adjacent peer of another AS names itself,
 * or somebody on a network that this node is on too.
 *
 * @param cost of reaching it; 0: it is on a network of this node
 */
export function isStrangeNextHop(source: RouteSource, nextHop: NextHop, cost: number): boolean {
  return cost > 0 && source.kind === 'bgp' && source.isAdjacent === true && nextHop !== source.address;
}

/** Where a route came from, as far as the decision process and policy ask. */
export type RouteSource =
  | { readonly kind: 'static' }
  | {
      readonly kind: 'kernel';
      /** The route leads through a gateway, off this node. */
      readonly isForwarding?: boolean;
    }
  | {
      readonly kind: 'bgp';
      readonly external: boolean;
      /** The peer's BGP Identifier. */
      readonly routerId: number;
      readonly address: IpAddress;
      /** A route reflector's client (RFC 4456). */
      readonly client: boolean;
      /** The cluster that a client is in; absent: the reflector's own. */
      readonly clusterId?: number;
      /** It is in another AS, and on a network of this node: so have its next hops to be. */
      readonly isAdjacent?: boolean;
    };
