import {
  linkAddress,
  type AnnounceRules,
  type Filter,
  type NextHop,
  type NextHopMode,
  type PrefixSet,
  type Role,
  type RouteOperation,
} from '@calico-node/bgp';
import type { Cidr, Family, IpAddress } from '@calico-node/net';
import type { LogLevel } from '@calico-node/service';

export type PeerType = 'mesh' | 'node' | 'global' | 'other';

/** What is done when a peer announces more than it may. */
export interface PrefixLimit {
  /** Per family. */
  readonly prefixes: number;
  readonly action: 'restart' | 'stop' | 'warn';
  readonly restartSeconds: number;
}

/** Where a peer is, or where we are to peers. */
export interface PeerAddress {
  readonly address: IpAddress;
  /** Of a link-local address. */
  readonly interfaceName?: string | undefined;
}

/** The address as next hops have it. */
export function peerHop({ address, interfaceName }: PeerAddress): NextHop {
  return interfaceName === undefined ? address : linkAddress(address, interfaceName);
}

const dynamicPrefix = 'dynamic_';

/** What a peer is called that came from a network of dynamic neighbours. */
export function dynamicName(peer: PeerAddress): string {
  return `${dynamicPrefix}${peerHop(peer)}`;
}

export function isDynamicName(name: string): boolean {
  return name.startsWith(dynamicPrefix);
}

/** One session's part of the configuration. Two that are deeply equal make the same session. */
export interface NeighborConfig extends PeerAddress {
  readonly name: string;
  readonly port: number;
  readonly remoteAs: number;
  readonly localAs: number;
  readonly sourceAddress?: IpAddress | undefined;
  readonly passive: boolean;
  readonly type: PeerType;
  readonly password?: string | undefined;
  /** GTSM (RFC 5082); zero: off. */
  readonly ttlSecurityHops: number;
  /** The peer need not be on a network of ours. */
  readonly multihop: boolean;
  readonly families: readonly Family[];
  readonly routeReflectorClient: boolean;
  readonly clusterId: number;
  /** We are a route server to it (RFC 7947). */
  readonly routeServerClient: boolean;
  /** Put before the paths that it tells (RFC 7705 3.2, without "no prepend"). */
  readonly receivedAs?: number | undefined;
  /** Stands behind `localAs` in what it is told (RFC 7705 3.2, without "replace AS"). */
  readonly globalAs?: number | undefined;
  /** Its paths begin with its AS number, or are malformed (RFC 4271 6.3). */
  readonly enforceFirstAs: boolean;
  readonly nextHopMode: NextHopMode;
  readonly restartSeconds: number;
  readonly holdSeconds: number;
  readonly keepaliveSeconds?: number | undefined;
  readonly allowedLocalAs: number;
  readonly importFilters: readonly string[];
  readonly exportFilters: readonly string[];
  readonly addPath: { readonly send: boolean; readonly receive: boolean };
  readonly prefixLimit?: PrefixLimit | undefined;
  readonly sendHoldSeconds: number;
  readonly role?: { readonly role: Role; readonly strict: boolean } | undefined;
  /** Undefined: stale routes go when the restart takes too long. */
  readonly longLivedSeconds?: number | undefined;
  readonly bfd?: BfdSettings | undefined;
  /** How far apart announcements of the same route are at least (RFC 4271 9.2.1.1); undefined: they need not be. */
  readonly advertisementSeconds?: number | undefined;
}

/** BFD with a neighbour. */
export interface BfdSettings {
  readonly minTxMs: number;
  readonly minRxMs: number;
  readonly multiplier: number;
  readonly multihop: boolean;
  readonly passive: boolean;
  /** Over one hop, and only while the neighbour is on a network of ours. */
  readonly ifConnected: boolean;
  /** The neighbour's routes stay for its restart time when the path fails. */
  readonly graceful: boolean;
}

/** Peers that come from a network without being configured one by one. */
export interface DynamicNeighborConfig {
  readonly prefix: Cidr;
  readonly limit: number;
  /** As what a peer with this address is configured. */
  readonly configOf: (peer: PeerAddress) => NeighborConfig;
  /** Link-local peers are taken on this interface only. */
  readonly interfaceName: string | undefined;
  /** Link-local peers are taken: they are on a link with this node, as peers over several hops are not. */
  readonly takesLinkLocal: boolean;
  /** For comparison: all that `configOf` depends on. */
  readonly template: unknown;
  readonly password?: string | undefined;
}

export interface Dampening {
  readonly flaps: number;
  readonly stableSeconds: number;
  readonly maximumSeconds: number;
}

/** Where the UPDATEs of neighbours are written to, as MRT. */
export interface MrtLogConfig {
  readonly file: string;
  readonly maxBytes: number;
  /** How many older files there are at most. */
  readonly keep: number;
}

/** Whether a station is told what neighbours tell, what import filters make of it, what they are told, and what is used. */
export interface BmpViews {
  readonly prePolicy: boolean;
  readonly postPolicy: boolean;
  readonly adjRibOut: boolean;
  readonly locRib: boolean;
}

/** A station that is told what neighbours tell (BMP, RFC 7854). */
export interface BmpStationConfig {
  readonly address: IpAddress;
  readonly port: number;
  /** What may wait to be sent to it before it is dropped. */
  readonly maxBufferBytes: number;
  readonly statisticsSeconds: number;
  readonly views: BmpViews;
}

export interface StaticRouteConfig {
  readonly prefix: Cidr;
  /** Absent: packets without a more specific route are dropped. */
  readonly nextHop?: IpAddress | undefined;
}

export interface KernelSettings {
  readonly learn: boolean;
  readonly program: boolean;
  readonly neverProgram: PrefixSet;
  /** How many next hops a route has at most. */
  readonly maxPaths: number;
  readonly tunnels: readonly TunnelConfig[];
  /** Packets to these end here, though no interface has them. */
  readonly localAddresses: readonly IpAddress[];
}

/** Where peers' routes within a prefix lead into a tunnel device, to its far end at the next hop. */
export interface TunnelConfig {
  readonly prefix: Cidr;
  readonly interfaceName: string;
  /** Next hops in these are reached without it. */
  readonly directWithin: readonly Cidr[];
}

/** The daemon's whole configuration, checked. */
export interface DaemonConfig {
  readonly nodeName: string;
  readonly routerId: number;
  readonly localAs: number;
  /** Empty: all addresses. */
  readonly listenAddresses: readonly PeerAddress[];
  readonly listenPort: number;
  readonly neighbors: readonly NeighborConfig[];
  readonly dynamicNeighbors: readonly DynamicNeighborConfig[];
  readonly dampening?: Dampening | undefined;
  readonly bmpStations: readonly BmpStationConfig[];
  readonly mrtLog?: MrtLogConfig | undefined;
  /** Undefined: as the process was started with. */
  readonly logLevel?: LogLevel | undefined;
  readonly staticRoutes: readonly StaticRouteConfig[];
  readonly kernel: KernelSettings;
  readonly announce: AnnounceRules;
  readonly filters: ReadonlyMap<string, Filter>;
  readonly prefixCommunities: readonly { readonly prefix: Cidr; readonly additions: readonly RouteOperation[] }[];
}
