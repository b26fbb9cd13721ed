import type { IpAddress } from '@calico-node/net';

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
    };
