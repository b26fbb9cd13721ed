import type { AnnounceRules, ExtraCommunities, Filter, NextHopMode } from '@calico-node/bgp';
import type { Cidr, IpAddress } from '@calico-node/net';

export type PeerType = 'mesh' | 'node' | 'global' | 'other';

/** One session's part of the configuration. Two that are deeply equal make the same session. */
export interface NeighborConfig {
  readonly name: string;
  readonly address: IpAddress;
  readonly port: number;
  readonly remoteAs: number;
  readonly localAs: number;
  readonly sourceAddress?: IpAddress | undefined;
  readonly passive: boolean;
  readonly type: PeerType;
  readonly password?: string | undefined;
  /** GTSM (RFC 5082); zero: off. */
  readonly ttlSecurityHops: number;
  readonly routeReflectorClient: boolean;
  readonly clusterId: number;
  readonly nextHopMode: NextHopMode;
  readonly restartSeconds: number;
  readonly holdSeconds: number;
  readonly keepaliveSeconds?: number | undefined;
  readonly allowedLocalAs: number;
  readonly importFilters: readonly string[];
  readonly exportFilters: readonly string[];
}

export interface StaticRouteConfig {
  readonly prefix: Cidr;
  /** Absent: packets without a more specific route are dropped. */
  readonly nextHop?: IpAddress | undefined;
}

export interface KernelSettings {
  readonly learn: boolean;
  readonly program: boolean;
  readonly neverProgram: readonly Cidr[];
}

/** The daemon's whole configuration, checked. */
export interface DaemonConfig {
  readonly nodeName: string;
  readonly routerId: number;
  readonly localAs: number;
  /** Empty: all addresses. */
  readonly listenAddresses: readonly IpAddress[];
  readonly listenPort: number;
  readonly neighbors: readonly NeighborConfig[];
  readonly staticRoutes: readonly StaticRouteConfig[];
  readonly kernel: KernelSettings;
  readonly announce: AnnounceRules;
  readonly filters: ReadonlyMap<string, Filter>;
  readonly prefixCommunities: readonly { readonly prefix: Cidr; readonly communities: ExtraCommunities }[];
}
