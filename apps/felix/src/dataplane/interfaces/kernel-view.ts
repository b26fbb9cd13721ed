import type { Cidr, Family } from '@calico-node/net';
import { type Link, type Route, routeProtocol, type RouteSocket, routeTable } from '@calico-node/netlink';

/**
 * What the kernel has of ours: workload interfaces, recognised by their names, and the routes over them that the
 * kernel did not make itself, or those of our protocols alone. Listed once, then kept by what the kernel reports.
 */
export class KernelView {
  readonly #prefixes: readonly string[];
  readonly #protocols: ReadonlySet<number> | undefined;
  readonly #links = new Map<string, Link>();
  readonly #nameByIndex = new Map<number, string>();
  /** The kernel tells routes apart by destination and metric; ours all have one table. */
  readonly #routes = new Map<Cidr, readonly Route[]>();
  readonly #destinationsByIndex = new Map<number, Set<Cidr>>();
  #routeCount = 0;

  /** @param protocols of the routes over workload interfaces that are ours; undefined: all that are not the kernel's. */
  constructor(prefixes: readonly string[], protocols?: ReadonlySet<number>) {
    this.#prefixes = prefixes;
    this.#protocols = protocols;
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

  /** Whether the index is a workload interface's. */
  hasLink(index: number): boolean {
    return this.#nameByIndex.has(index);
  }

  isWorkload(name: string): boolean {
    return this.#prefixes.some((prefix) => name.startsWith(prefix));
  }

  isOurs(route: Route): boolean {
    return (
      route.table === routeTable.main &&
      route.protocol !== routeProtocol.kernel &&
      (this.#protocols?.has(route.protocol) ?? true) &&
      route.interfaceIndex !== undefined &&
      this.#nameByIndex.has(route.interfaceIndex)
    );
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

  deleteLink(link: Link): void {
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

  /** The kernel drops an interface's IPv4 routes with it and says nothing. */
  forgetRoutesOver(index: number): void {
    for (const destination of this.#destinationsByIndex.get(index) ?? []) {
      for (const route of this.routesTo(destination)) if (route.interfaceIndex === index) this.deleteRoute(route);
    }
    this.#destinationsByIndex.delete(index);
  }
}
