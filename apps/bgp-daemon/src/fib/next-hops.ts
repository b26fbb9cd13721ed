import { splitNextHop, type NextHop } from '@calico-node/bgp';
import { cidrContains, cidrOf, PrefixTrie, splitCidr, type Cidr, type IpAddress } from '@calico-node/net';
import { waysOf, type KernelRoute, type KernelWay } from './fib.ts';

/** How packets for a next hop leave the node. */
export interface ResolvedHop {
  readonly gateway: IpAddress;
  readonly interfaceIndex: number;
  readonly onlink: boolean;
  /** 0: the next hop is a neighbour; behind a gateway, 1 more than the metric of the route to it. */
  readonly cost: number;
}

const linkPrefixLength = 64;

/**
 * Resolves next hops (RFC 4271 5.1.3, 9.1.2.1) through connected routes, those of others, and the
 * configured ones. Never through a BGP route, so that no resolution depends on another. A link-local next hop is a
 * neighbour on its interface for as long as that one is on such a link.
 */
export class NextHops {
  readonly #routes = new PrefixTrie<readonly KernelRoute[]>();
  readonly #resolved = new Map<NextHop, ResolvedHop | undefined>();
  readonly #interfaceIndex: (name: string) => number | undefined;
  #statics = new PrefixTrie<IpAddress>();

  constructor(interfaceIndex: (name: string) => number | undefined) {
    this.#interfaceIndex = interfaceIndex;
  }

  /** Takes a route that is not known yet. */
  add(route: KernelRoute): void {
    const known = this.#routes.get(route.destination) ?? [];
    const before = known.findIndex(({ metric }) => metric > route.metric);
    this.#routes.set(route.destination, known.toSpliced(before < 0 ? known.length : before, 0, route));
  }

  /** Forgets a route: the object that was added. */
  remove(route: KernelRoute): void {
    const left = (this.#routes.get(route.destination) ?? []).filter((other) => other !== route);
    if (left.length === 0) this.#routes.delete(route.destination);
    else this.#routes.set(route.destination, left);
  }

  /** Takes the configured routes that have a gateway: the way to a peer that is on no subnet of ours. */
  setStatics(routes: Iterable<readonly [Cidr, IpAddress]>): void {
    this.#statics = new PrefixTrie();
    for (const [destination, gateway] of routes) this.#statics.set(destination, gateway);
  }

  resolve(nextHop: NextHop): ResolvedHop | undefined {
    if (this.#resolved.has(nextHop)) return this.#resolved.get(nextHop);
    const hop = this.#lookup(nextHop);
    this.#resolved.set(nextHop, hop);
    return hop;
  }

  /** Looks up the known next hops within a prefix again, or all; gives those that lead elsewhere now. */
  refresh(within?: Cidr): Set<NextHop> {
    const changed = new Set<NextHop>();
    for (const [nextHop, before] of this.#resolved) {
      if (within !== undefined && !cidrContains(within, splitNextHop(nextHop).address)) continue;
      const now = this.#lookup(nextHop);
      if (JSON.stringify(now) === JSON.stringify(before)) continue;
      this.#resolved.set(nextHop, now);
      changed.add(nextHop);
    }
    return changed;
  }

  #lookup(nextHop: NextHop): ResolvedHop | undefined {
    const { address, interfaceName } = splitNextHop(nextHop);
    return interfaceName === undefined ? this.#lookupAddress(address) : this.#lookupOnLink(address, interfaceName);
  }

  /** Every interface with IPv6 has a route to fe80::/64 (RFC 4291 2.5.6) of its own. */
  #lookupOnLink(address: IpAddress, interfaceName: string): ResolvedHop | undefined {
    const index = this.#interfaceIndex(interfaceName);
    const network = this.#routes.get(cidrOf(address, linkPrefixLength)) ?? [];
    return this.#through(
      network.find((route) => route.interfaceIndex === index && route.gateway === undefined),
      address,
      0,
    );
  }

  #lookupAddress(nextHop: IpAddress): ResolvedHop | undefined {
    const found = this.#routes.lookup(nextHop);
    const fixed = this.#statics.lookup(nextHop);
    if (fixed !== undefined && (found === undefined || lengthOf(fixed.cidr) >= lengthOf(found.cidr))) {
      return this.#through(this.#routes.lookup(fixed.value)?.value[0], fixed.value, 1);
    }
    return this.#through(found?.value[0], nextHop, 0);
  }

  #through(route: KernelRoute | undefined, nextHop: IpAddress, cost: number): ResolvedHop | undefined {
    if (route?.kind !== 'unicast' || route.interfaceIndex === 0) return undefined;
    const { gateway, interfaceIndex, metric } = route;
    if (gateway !== undefined) return { gateway, interfaceIndex, onlink: false, cost: 1 + metric };
    return { gateway: nextHop, interfaceIndex, onlink: !route.isLinkScope, cost };
  }
}

function lengthOf(cidr: Cidr): number {
  return splitCidr(cidr).prefixLength;
}

/** What two notices that speak of the same route of the table have in common, beside the destination. */
export function identityOf(route: KernelWay): string {
  return `${route.kind} ${route.protocol} ${route.metric} ${waysOf(route)}`;
}
