import { familyOf, type Cidr, type Family } from '@calico-node/net';
import {
  addRoute,
  deleteRoute,
  replaceRoute,
  type Route,
  type RouteEvent,
  type RouteSocket,
  type RouteSpec,
  routeTable,
} from '@calico-node/netlink';

/**
 * Felix's own routes in one of the kernel's tables, told from others' by their protocol: desired beside actual, of which
 * only what was touched is compared. Whoever owns it feeds it with the kernel's events.
 */
export class RouteTable {
  readonly #socket: RouteSocket;
  readonly #protocol: number;
  readonly #table: number;
  readonly #desired = new Map<Cidr, RouteSpec>();
  readonly #actual = new Map<Cidr, readonly Route[]>();
  readonly #touched = new Set<Cidr>();
  /** Others' routes that have taken the place of ours, or stand before them. */
  readonly #usurpers = new Map<Cidr, Route>();
  #writes = 0;

  constructor(socket: RouteSocket, protocol: number, table: number = routeTable.main) {
    this.#socket = socket;
    this.#protocol = protocol;
    this.#table = table;
  }

  get writes(): number {
    return this.#writes;
  }

  /** How many of ours the kernel has. */
  get size(): number {
    return this.#actual.size;
  }

  /** Wants a route to a destination, or none. */
  want(destination: Cidr, spec: Omit<RouteSpec, 'destination'> | undefined): void {
    if (spec === undefined) this.#desired.delete(destination);
    else this.#desired.set(destination, this.#complete(destination, spec));
    this.#touched.add(destination);
  }

  /** Reads the kernel's table anew. `isForeign`: routes with our protocol that somebody else answers for. */
  list(families: readonly Family[], isForeign: (route: Route) => boolean): void {
    this.#actual.clear();
    this.#usurpers.clear();
    for (const family of families) {
      for (const route of this.#socket.listRoutes({ family, table: this.#table })) {
        if (this.#isOurs(route) && !isForeign(route)) this.#remember(route);
      }
    }
    for (const destination of [...this.#desired.keys(), ...this.#actual.keys()]) this.#touched.add(destination);
  }

  /** Takes a change by somebody else; true: there is something to put right. */
  onEvent({
    action,
    route,
    isAppended,
  }: Pick<RouteEvent & { object: 'route' }, 'action' | 'route' | 'isAppended'>): boolean {
    if (route.table !== this.#table) return false;
    const { destination } = route;
    const wanted = this.#desired.get(destination);
    if (this.#isOurs(route)) {
      this.#forget(route);
      if (action === 'set') this.#remember(route);
    } else if (wanted === undefined) return false;
    else if (action === 'set') {
      if (isAppended || metricOf(route) !== metricOf(wanted)) return false;
      this.#forget(route);
      // A hole in the BGP daemon's hand does as well as ours.
      if (wanted.type === 'blackhole' && route.type === 'blackhole') return false;
      this.#usurpers.set(destination, route);
    }
    this.#touched.add(destination);
    const found = this.#actual.get(destination) ?? [];
    return wanted === undefined ? found.length > 0 : found.length !== 1 || !found.every((one) => isSame(one, wanted));
  }

  /** Makes it so. Gives what failed, one text each; that is tried again next time. */
  apply(): string[] {
    // Removals first: the kernel takes no IPv6 gateway that another route still leads to by another interface.
    const tasks = [...this.#touched]
      .flatMap((destination) => this.#tasksFor(destination))
      .sort((a, b) => Number(b.isRemoval) - Number(a.isRemoval));
    this.#touched.clear();
    if (tasks.length === 0) return [];
    const outcome = this.#socket.execute(tasks.map(({ request }) => request));
    this.#writes += tasks.length;
    return tasks.flatMap(({ route, isRemoval, isSettledBy }, index) => {
      const error = outcome[index];
      if (error === undefined || error.code === isSettledBy) {
        if (isRemoval) this.#forget(route);
        else if (error === undefined) this.#remember(route);
        return [];
      }
      this.#touched.add(route.destination);
      return [error.message];
    });
  }

  #tasksFor(destination: Cidr) {
    const wanted = this.#desired.get(destination);
    const found = this.#actual.get(destination) ?? [];
    const removals = found
      .filter((route) => wanted === undefined || !isReplaceable(route, wanted))
      .map((route) => ({ route, request: deleteRoute(route), isRemoval: true, isSettledBy: 'ESRCH' }));
    const usurper = this.#usurpers.get(destination);
    this.#usurpers.delete(destination);
    if (wanted === undefined || found.some((route) => isSame(route, wanted))) return removals;
    const route = asRoute(wanted);
    if (usurper !== undefined) {
      const removal = { route: usurper, request: deleteRoute(usurper), isRemoval: true, isSettledBy: 'ESRCH' };
      return [...removals, removal, { route, request: replaceRoute(wanted), isRemoval: false, isSettledBy: '' }];
    }
    // A hole in the BGP daemon's hand does as well as ours.
    const isHole = wanted.type === 'blackhole' && found.length === 0;
    const request = isHole ? addRoute(wanted) : replaceRoute(wanted);
    return [...removals, { route, request, isRemoval: false, isSettledBy: isHole ? 'EEXIST' : '' }];
  }

  #complete(destination: Cidr, spec: Omit<RouteSpec, 'destination'>): RouteSpec {
    const metric = familyOf(destination) === 6 ? { metric: KERNEL_IPV6_METRIC } : {};
    return { destination, protocol: this.#protocol, table: this.#table, ...metric, ...spec };
  }

  #isOurs({ protocol, table }: Route): boolean {
    return protocol === this.#protocol && table === this.#table;
  }

  #remember(route: Route): void {
    this.#forget(route);
    this.#actual.set(route.destination, [...(this.#actual.get(route.destination) ?? []), route]);
  }

  /** The kernel tells routes of a table apart by destination and metric. */
  #forget(route: Route): void {
    const others = (this.#actual.get(route.destination) ?? []).filter((other) => metricOf(other) !== metricOf(route));
    if (others.length === 0) this.#actual.delete(route.destination);
    else this.#actual.set(route.destination, others);
  }
}

/** What the kernel makes of no metric for IPv6. */
const KERNEL_IPV6_METRIC = 1024;

function metricOf({ metric }: Pick<RouteSpec, 'metric'>): number {
  return metric ?? 0;
}

function isSame(route: Route, wanted: RouteSpec): boolean {
  const { type = 'unicast' } = wanted;
  if (route.type !== type || metricOf(route) !== metricOf(wanted)) return false;
  return type !== 'unicast' || (route.gateway === wanted.gateway && route.interfaceIndex === wanted.interfaceIndex);
}

/** Whether the kernel puts the new route in the old one's place, which leaves no moment without. */
function isReplaceable(route: Route, wanted: RouteSpec): boolean {
  if (metricOf(route) !== metricOf(wanted)) return false;
  return route.family === 4 || route.interfaceIndex === wanted.interfaceIndex || isSame(route, wanted);
}

function asRoute(spec: RouteSpec): Route {
  return {
    protocol: 0,
    table: routeTable.main,
    scope: 'universe',
    type: 'unicast',
    ...spec,
    family: familyOf(spec.destination),
  };
}
