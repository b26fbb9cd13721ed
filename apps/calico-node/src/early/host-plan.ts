import { cidrContains, cidrOf, hostCidr, parseCidr, type Cidr, type IpAddress } from '@calico-node/net';
import type { EarlyNode } from './early-config.ts';

/** An IPv4 address of an interface. */
export interface HostAddress {
  readonly interfaceIndex: number;
  readonly ip: IpAddress;
  readonly prefixLength: number;
  /** Used for packets within the link only. */
  readonly isLinkScope: boolean;
}

/** An IPv4 route of the main table, with what is needed to make it anew. */
export interface HostRoute {
  readonly destination: Cidr;
  /** rtm_protocol (rtnetlink(7)). */
  readonly protocol: number;
  readonly metric: number;
  readonly source?: IpAddress | undefined;
  /** One, or several ways (ECMP). */
  readonly hops: readonly { readonly gateway?: IpAddress | undefined; readonly interfaceIndex?: number | undefined }[];
}

export interface HostState {
  readonly addresses: readonly HostAddress[];
  readonly routes: readonly HostRoute[];
  readonly loopbackIndex: number;
}

/** What the host lacks for two planes. */
export interface HostPlan {
  /** The stable address is to be given to the loopback interface. */
  readonly needsStableAddress: boolean;
  /** Addresses to be made anew, of scope link: then nothing but the ToR sees them as a source. */
  readonly narrowed: readonly HostAddress[];
  /** Routes to be there after that; those that are, are left alone. */
  readonly routes: readonly HostRoute[];
}

const staticProtocol = 4;
const kernelProtocol = 2;
/** Behind every route of the host's own. BGP's is not used beside one: the BGP daemon leaves such a prefix to the host. */
const lastMetric = 4096;

function networkOf({ ip, prefixLength }: HostAddress): Cidr {
  return cidrOf(ip, prefixLength);
}

/** What a route is, for comparison. */
function keyOf({ destination, metric, protocol }: HostRoute): string {
  return `${destination} ${metric} ${protocol}`;
}

/** Routes over an interface go with its address: these come back, without the address as their source. */
function lostRoutes(routes: readonly HostRoute[], narrowed: readonly HostAddress[]): readonly HostRoute[] {
  return routes
    .filter(({ protocol }) => protocol !== kernelProtocol)
    .filter(({ hops }) =>
      hops.some((hop) => narrowed.some(({ interfaceIndex }) => interfaceIndex === hop.interfaceIndex)),
    )
    .map((route) => (narrowed.some(({ ip }) => ip === route.source) ? { ...route, source: undefined } : route));
}

/**
 * What to change on a host, Calico's way for two planes: the stable address on the loopback, with a route that BGP
 * announces; the addresses towards the ToRs of scope link, so that the node speaks to the world from the stable one;
 * routes of the host that this costs are put back.
 *
 * @param bootstraps addresses of the machine that an OpenShift cluster is started from
 */
export function planHost(
  node: EarlyNode,
  { addresses, routes, loopbackIndex }: HostState,
  { forcesDefaultRoute, bootstraps }: { forcesDefaultRoute: boolean; bootstraps: readonly IpAddress[] },
): HostPlan {
  const { stableAddress } = node;
  const towardsTors = addresses.filter((address) =>
    node.peerings.some(({ peer }) => cidrContains(networkOf(address), peer) && address.ip !== stableAddress),
  );
  const narrowed = towardsTors.filter(({ isLinkScope }) => !isLinkScope);
  const stable: HostRoute = {
    destination: hostCidr(stableAddress),
    protocol: staticProtocol,
    metric: 0,
    hops: [{ interfaceIndex: loopbackIndex }],
  };
  const toBootstraps = bootstraps.flatMap((bootstrap): HostRoute[] => {
    const link = addresses.find((address) => cidrContains(networkOf(address), bootstrap));
    if (link === undefined) return [];
    const hops = [{ interfaceIndex: link.interfaceIndex }];
    return [{ destination: hostCidr(bootstrap), protocol: staticProtocol, metric: 0, source: stableAddress, hops }];
  });
  const ways = node.peerings.flatMap(({ peer }) => {
    const link = towardsTors.find((address) => cidrContains(networkOf(address), peer));
    return link === undefined ? [] : [{ gateway: peer, interfaceIndex: link.interfaceIndex }];
  });
  const lastResort: HostRoute = {
    destination: parseCidr('0.0.0.0/0'),
    protocol: staticProtocol,
    metric: lastMetric,
    hops: ways,
  };
  const lost = lostRoutes(routes, narrowed);
  const wanted = [stable, ...toBootstraps, ...(forcesDefaultRoute && ways.length > 0 ? [lastResort] : [])];
  const has = new Set(routes.map(keyOf));
  const missing = wanted.filter((route) => !has.has(keyOf(route)));
  return {
    needsStableAddress: !addresses.some(({ ip }) => ip === stableAddress),
    narrowed,
    routes: [...lost, ...missing],
  };
}
