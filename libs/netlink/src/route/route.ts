import type { Cidr, Family, IpAddress } from '@calico-node/net';

/** RTN_* (include/uapi/linux/rtnetlink.h). */
export const routeTypeNumber = {
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
  throw: 9,
} as const;
export type RouteType = keyof typeof routeTypeNumber;

/** RT_SCOPE_*. Others may be defined by the administrator; they read as `site`. */
export const scopeNumber = { universe: 0, site: 200, link: 253, host: 254, nowhere: 255 } as const;
export type RouteScope = keyof typeof scopeNumber;

/** RTPROT_*: who made a route. 80 is what Calico's Felix uses. */
export const routeProtocol = { kernel: 2, boot: 3, static: 4, ra: 9, bird: 12, dhcp: 16, felix: 80, bgp: 186 } as const;

export const routeTable = { default: 253, main: 254, local: 255 } as const;

/** RTA_*. */
export const routeAttribute = {
  destination: 1,
  outputInterface: 4,
  gateway: 5,
  priority: 6,
  preferredSource: 7,
  multipath: 9,
  table: 15,
  via: 18,
} as const;

export const nextHopFlag = { onlink: 4 } as const;
/** RTM_F_CLONED: an entry of the route cache, not a route. */
export const ROUTE_CLONED = 0x200;
export const ROUTE_HEADER_BYTES = 12;
export const NEXT_HOP_HEADER_BYTES = 8;

/** One way out of a multipath route. */
export interface NextHop {
  /** Of the route's family, or IPv6 for an IPv4 route (RFC 8950). */
  readonly gateway?: IpAddress;
  readonly interfaceIndex?: number;
  /** 1 to 256; 1 when absent. */
  readonly weight?: number;
  /** The gateway is taken to be on the link, whatever the addresses say. */
  readonly onlink?: boolean;
}

/** A route as the kernel has it. */
export interface Route extends NextHop {
  readonly family: Family;
  readonly destination: Cidr;
  /** Several ways out; `gateway` and `interfaceIndex` are absent then. */
  readonly multipath?: readonly NextHop[];
  readonly table: number;
  /** An RTPROT_* number; see `routeProtocol`. */
  readonly protocol: number;
  readonly scope: RouteScope;
  readonly type: RouteType;
  /** Lower is preferred. Absent is 0; the kernel turns 0 into 1024 for IPv6. */
  readonly metric?: number;
  /** The source address of packets that this host itself sends over the route. */
  readonly source?: IpAddress;
}

/**
 * A route to be made. When absent: `table` is main, `type` unicast, `protocol` static, and `scope` is link for an IPv4
 * route without a gateway and universe otherwise.
 */
export interface RouteSpec extends NextHop, Partial<Omit<Route, 'destination' | 'family'>> {
  readonly family?: Family;
  readonly destination: Cidr;
}
