import { familyOf, type Cidr, type Family } from '@calico-node/net';
import { type Link, type Route, routeProtocol, type RouteSocket, routeTable } from '@calico-node/netlink';

/** By what workload interfaces, and our routes over them, are known. */
export interface OwnRoutes {
  /** Interfaces whose names begin so are workloads'. */
  readonly prefixes: readonly string[];
  /** RTPROT_* of our routes (DeviceRouteProtocol). */
  readonly routeProtocol: number;
  /** Whether others' routes over workload interfaces are taken away (RemoveExternalRoutes); so by default. */
  readonly removesExternalRoutes?: boolean;
}

/**
 * What the kernel has of ours: workload interfaces, recognised by their names, and the routes over them that the
 * kernel did not make itself, or those of our protocols alone. Where a workload is the node's BGP peer, what BGP leads
 * there is not ours either. Listed once, then kept by what the kernel reports.
 */
export class KernelView {
  readonly #prefixes: readonly string[];
  readonly #isBgpPeer: (interfaceName: string) => boolean;
  /** Of the routes that are ours; undefined: all that are not the kernel's. */
  readonly #protocols: ReadonlySet<number> | undefined;
  readonly #links = new Map<string, Link>();
  readonly #nameByIndex = new Map<number, string>();
  /** The kernel tells routes apart by destination and metric; ours all have one table. */
  readonly #routes = new Map<Cidr, readonly Route[]>();
  readonly #destinationsByIndex = new Map<number, Set<Cidr>>();
  #routeCount = 0;

  /** @param isBgpPeer whether the node has BGP sessions with the workload on the interface. */
  constructor(
    { prefixes, routeProtocol: own, removesExternalRoutes = true }: OwnRoutes,
    isBgpPeer: (interfaceName: string) => boolean,
  ) {
    this.#prefixes = prefixes;
    this.#isBgpPeer = own === routeProtocol.bird ? () => false : isBgpPeer;
    this.#protocols = removesExternalRoutes ? undefined : new Set([own, routeProtocol.felix]);
  }

  /** Workload interfaces. */
  get linkCount(): number {
    return this.#links.size;
  }

  get routeCount(): number {
    return this.#routeCount;
  }

  /** Destinations of our routes. */
  destinations(): Iterable<Cidr> {
    return this.#routes.keys();
  }

  routesTo(destination: Cidr): readonly Route[] {
    return this.#routes.get(destination) ?? [];
  }

  link(name: string): Link | undefined {
    return this.#links.get(name);
  }

  /** The workload interface that has the index. */
  nameOf(index: number | undefined): string | undefined {
    return index === undefined ? undefined : this.#nameByIndex.get(index);
  }

  /** Destinations that routes of ours have led to over the interface. */
  destinationsOver(index: number): Iterable<Cidr> {
    return this.#destinationsByIndex.get(index) ?? [];
  }

  isWorkload(name: string): boolean {
    return this.#prefixes.some((prefix) => name.startsWith(prefix));
  }

  isOurs(route: Route): boolean {
    const { table, protocol } = route;
    if (table !== routeTable.main || protocol === routeProtocol.kernel) return false;
    const name = this.nameOf(route.interfaceIndex);
    if (name === undefined || this.#protocols?.has(protocol) === false) return false;
    return protocol !== routeProtocol.bird || !this.#isBgpPeer(name);
  }

  /** Reads everything anew. */
  list(socket: RouteSocket, families: readonly Family[]): void {
    for (const map of [this.#links, this.#nameByIndex, this.#routes, this.#destinationsByIndex]) map.clear();
    this.#routeCount = 0;
    for (const link of socket.listLinks()) this.setLink(link);
    for (const family of families) {
      for (const route of socket.listRoutes({ family })) if (this.isOurs(route)) this.setRoute(route);
    }
  }

  setLink(link: Link): void {
    if (!this.isWorkload(link.name)) return;
    this.#links.set(link.name, link);
    this.#nameByIndex.set(link.index, link.name);
  }

  deleteLink(link: Pick<Link, 'name' | 'index'>): void {
    if (this.#links.get(link.name)?.index === link.index) this.#links.delete(link.name);
    this.#nameByIndex.delete(link.index);
  }

  setRoute(route: Route): void {
    this.deleteRoute(route);
    this.#routes.set(route.destination, [...this.routesTo(route.destination), route]);
    this.#routeCount += 1;
    if (route.interfaceIndex === undefined) return;
    const over = this.#destinationsByIndex.get(route.interfaceIndex) ?? new Set();
    this.#destinationsByIndex.set(route.interfaceIndex, over.add(route.destination));
  }

  /** The route of that destination and metric, over whatever interface. */
  deleteRoute({ destination, metric }: Pick<Route, 'destination' | 'metric'>): void {
    const routes = this.routesTo(destination);
    const left = routes.filter((other) => (other.metric ?? 0) !== (metric ?? 0));
    this.#routeCount -= routes.length - left.length;
    if (left.length === 0) this.#routes.delete(destination);
    else this.#routes.set(destination, left);
  }

  /**
   * The kernel drops an interface's routes with it, and the IPv4 ones with its last IPv4 address, and says nothing of
   * those. Gives the destinations.
   */
  forgetRoutesOver(index: number, families: readonly Family[] = [4, 6]): readonly Cidr[] {
    const forgotten = [...this.destinationsOver(index)].filter((destination) =>
      families.includes(familyOf(destination)),
    );
    for (const destination of forgotten) {
      for (const route of this.routesTo(destination)) if (route.interfaceIndex === index) this.deleteRoute(route);
      this.#destinationsByIndex.get(index)?.delete(destination);
    }
    if (this.#destinationsByIndex.get(index)?.size === 0) this.#destinationsByIndex.delete(index);
    return forgotten;
  }
}
