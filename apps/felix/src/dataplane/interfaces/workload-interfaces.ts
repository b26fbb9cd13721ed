/**
 * The driver of workload interfaces: host routes, static neighbours and interface settings.
 *
 * It holds what should be (from endpoints) beside what is (listed once, then followed through the kernel's own events),
 * and writes the difference. What is ours: every route over a workload interface that the kernel did not make itself
 * (Calico's RemoveExternalRoutes), recognised by the interface's name and so without memory of an earlier run.
 */
import { familyOf, type Family, type IpAddress } from '@calico-node/net';
import {
  deleteRoute,
  type Link,
  type NetnsRef,
  replaceNeighbour,
  replaceRoute,
  type Route,
  type RouteEvent,
  RouteMonitor,
  routeProtocol,
  RouteSocket,
  routeTable,
  type RouteSpec,
} from '@calico-node/netlink';
import type { WorkloadEndpointId } from '../../calc/endpoint-id.ts';
import type { LocalWorkloadEndpoint } from '../../calc/intents.ts';
import { type DesiredInterfaces, desiredInterfaces, staticArpAddresses, type WorkloadRoute } from './desired-routes.ts';
import { KernelSettings } from './interface-settings.ts';

export interface WorkloadInterfacesOptions {
  /** The node's namespace; the process's own when absent. */
  readonly netns?: NetnsRef;
  /** Interfaces whose names begin so are workloads'. */
  readonly prefixes: readonly string[];
  readonly ipv6: boolean;
  readonly allowsSpoofing: boolean;
  /** RTPROT_* of our routes (DeviceRouteProtocol). */
  readonly routeProtocol: number;
  /** Metric of our routes (IPv4NormalRoutePriority, IPv6NormalRoutePriority). */
  readonly metric: Readonly<Record<Family, number>>;
  /** Source of packets that the host itself sends to a workload (DeviceRouteSourceAddress). */
  readonly source?: Partial<Readonly<Record<Family, IpAddress>>>;
  /** The kernel changed beneath us, by somebody else's hand or by itself: apply again. */
  readonly onDirty: () => void;
}

/** How an endpoint's interface is. */
export type InterfaceState = { readonly state: 'up' } | { readonly state: 'down' | 'error'; readonly reason: string };

const UP: InterfaceState = { state: 'up' };

/** The kernel tells routes apart by these; ours all have one table. */
const keyOf = (route: Pick<Route, 'destination' | 'metric'>): string => `${route.destination} ${route.metric ?? 0}`;

export class WorkloadInterfaces implements Disposable {
  readonly #options: WorkloadInterfacesOptions;
  readonly #socket: RouteSocket;
  readonly #monitor: RouteMonitor;
  readonly #settings: KernelSettings;
  readonly #endpoints = new Map<WorkloadEndpointId, LocalWorkloadEndpoint>();
  readonly #links = new Map<string, Link>();
  readonly #nameByIndex = new Map<number, string>();
  /** Routes over workload interfaces that the kernel holds. */
  readonly #routes = new Map<string, Route>();
  /** Interfaces whose settings and neighbours are in place, by name, for the index they had then. */
  readonly #configured = new Map<string, { readonly index: number; readonly endpoint: LocalWorkloadEndpoint }>();
  readonly #problems = new Map<WorkloadEndpointId, string>();
  #desired: DesiredInterfaces = desiredInterfaces([]);
  #isDesiredStale = false;
  #needsResync = true;
  #writes = 0;

  constructor(options: WorkloadInterfacesOptions) {
    this.#options = options;
    const where = options.netns === undefined ? {} : { netns: options.netns };
    this.#settings = new KernelSettings({ ...where, ipv6: options.ipv6, allowsSpoofing: options.allowsSpoofing });
    // The monitor first: what happens while we list is in both, and nothing is missed.
    this.#monitor = RouteMonitor.open({
      ...where,
      groups: options.ipv6 ? ['link', 'ipv4-route', 'ipv6-route'] : ['link', 'ipv4-route'],
      onEvent: (event) => {
        this.#onEvent(event);
      },
      onOverrun: () => {
        this.resync();
        options.onDirty();
      },
    });
    this.#socket = RouteSocket.open(where);
  }

  /** Requests for a change that the kernel was sent since start, sysctls included. */
  get writes(): number {
    return this.#writes + this.#settings.writes;
  }

  /** Routes over workload interfaces that the kernel holds now. */
  get routeCount(): number {
    return this.#routes.size;
  }

  /** @throws the file error when the host cannot be made to route. */
  enableForwarding(): void {
    this.#settings.enableForwarding();
  }

  update(id: WorkloadEndpointId, endpoint: LocalWorkloadEndpoint): void {
    this.#endpoints.set(id, endpoint);
    this.#isDesiredStale = true;
  }

  remove(id: WorkloadEndpointId): void {
    this.#endpoints.delete(id);
    this.#problems.delete(id);
    this.#isDesiredStale = true;
  }

  /** Lists the kernel's state anew before the next step. */
  resync(): void {
    this.#needsResync = true;
  }

  /**
   * Takes away the routes that should not be there. Before the rules of the same change, so that no packet is sent to
   * a workload that has lost its policy. Gives the errors, one text each; what failed is tried again next time.
   */
  withdraw(): string[] {
    this.#refresh();
    const stale = [...this.#routes.values()].filter((route) => !this.#isWanted(route));
    const outcome = this.#socket.execute(stale.map((route) => deleteRoute(route)));
    this.#writes += stale.length;
    return stale.flatMap((route, index) => {
      const error = outcome[index];
      // Gone already, with its interface or by another hand.
      if (error === undefined || error.code === 'ESRCH' || error.code === 'ENODEV') {
        this.#routes.delete(keyOf(route));
        return [];
      }
      return [error.message];
    });
  }

  /**
   * Puts settings, neighbours and routes of every endpoint in place; the routes last, since they open the way. After
   * the rules of the same change. An endpoint that fails does not hold up the others; see `stateOf`.
   */
  establish(): void {
    this.#refresh();
    this.#problems.clear();
    for (const [name, { id, endpoint }] of this.#desired.owners) {
      const link = this.#links.get(name);
      if (link?.up === true) this.#configure(id, link, endpoint);
    }
    this.#addRoutes();
  }

  /** How an endpoint's interface, routes and settings are, as of the last `establish`. */
  stateOf(id: WorkloadEndpointId): InterfaceState {
    const endpoint = this.#endpoints.get(id);
    if (endpoint === undefined) return { state: 'down', reason: 'the endpoint is not known' };
    const shadow = this.#desired.shadowed.get(id);
    if (shadow !== undefined) return { state: 'error', reason: shadow };
    if (!endpoint.adminUp) return { state: 'down', reason: 'the endpoint is administratively down' };
    const link = this.#links.get(endpoint.interfaceName);
    if (link === undefined) return { state: 'down', reason: `interface ${endpoint.interfaceName} does not exist` };
    if (!link.up) return { state: 'down', reason: `interface ${endpoint.interfaceName} is down` };
    const problem = this.#problems.get(id);
    if (problem !== undefined) return { state: 'error', reason: problem };
    if (!link.running) return { state: 'down', reason: `interface ${endpoint.interfaceName} has no carrier` };
    return UP;
  }

  close(): void {
    this.#monitor.close();
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #isWorkload(name: string): boolean {
    return this.#options.prefixes.some((prefix) => name.startsWith(prefix));
  }

  #refresh(): void {
    if (this.#isDesiredStale) {
      this.#desired = desiredInterfaces([...this.#endpoints].map(([id, endpoint]) => ({ id, endpoint })));
      this.#isDesiredStale = false;
    }
    if (!this.#needsResync) return;
    this.#links.clear();
    this.#nameByIndex.clear();
    this.#routes.clear();
    this.#configured.clear();
    for (const link of this.#socket.listLinks()) this.#noteLink(link);
    for (const family of this.#options.ipv6 ? ([4, 6] as const) : ([4] as const)) {
      for (const route of this.#socket.listRoutes({ family })) {
        if (this.#isOurs(route)) this.#routes.set(keyOf(route), route);
      }
    }
    this.#needsResync = false;
  }

  #noteLink(link: Link): void {
    if (!this.#isWorkload(link.name)) return;
    this.#links.set(link.name, link);
    this.#nameByIndex.set(link.index, link.name);
  }

  /** A route over a workload interface that the kernel did not make itself. */
  #isOurs(route: Route): boolean {
    return (
      route.table === routeTable.main &&
      route.protocol !== routeProtocol.kernel &&
      route.interfaceIndex !== undefined &&
      this.#nameByIndex.has(route.interfaceIndex)
    );
  }

  #specOf(route: WorkloadRoute, link: Link): RouteSpec {
    const family = familyOf(route.destination);
    const source = this.#options.source?.[family];
    return {
      destination: route.destination,
      interfaceIndex: link.index,
      protocol: this.#options.routeProtocol,
      metric: this.#options.metric[family],
      ...(family === 4 ? { scope: 'link' as const } : {}),
      ...(source === undefined ? {} : { source }),
    };
  }

  /** Whether the kernel's route is exactly the one that we would make. */
  #isWanted(route: Route): boolean {
    const wanted = this.#desired.routes.get(route.destination);
    const link = wanted && this.#links.get(wanted.interfaceName);
    if (wanted === undefined || link === undefined) return false;
    const spec = this.#specOf(wanted, link);
    return (
      route.interfaceIndex === link.index &&
      route.protocol === spec.protocol &&
      (route.metric ?? 0) === spec.metric &&
      route.source === spec.source &&
      route.gateway === undefined &&
      route.type === 'unicast'
    );
  }

  #addRoutes(): void {
    const missing: { readonly route: WorkloadRoute; readonly spec: RouteSpec }[] = [];
    for (const route of this.#desired.routes.values()) {
      const link = this.#links.get(route.interfaceName);
      // The kernel takes no route over an interface that is down; its coming up brings us back here.
      if (link?.up !== true || this.#problems.has(route.id)) continue;
      const spec = this.#specOf(route, link);
      const actual = this.#routes.get(`${route.destination} ${spec.metric ?? 0}`);
      if (actual === undefined || !this.#isWanted(actual)) missing.push({ route, spec });
    }
    const outcome = this.#socket.execute(missing.map(({ spec }) => replaceRoute(spec)));
    this.#writes += missing.length;
    for (const [index, { route, spec }] of missing.entries()) {
      const error = outcome[index];
      if (error === undefined) this.#routes.set(`${route.destination} ${spec.metric ?? 0}`, asKernelRoute(spec));
      else this.#problems.set(route.id, error.message);
    }
  }

  #configure(id: WorkloadEndpointId, link: Link, endpoint: LocalWorkloadEndpoint): void {
    const configured = this.#configured.get(link.name);
    if (configured?.index === link.index && configured.endpoint === endpoint) return;
    try {
      if (configured?.index !== link.index) this.#settings.configureWorkload(link.name);
      this.#setNeighbours(link, endpoint);
      this.#configured.set(link.name, { index: link.index, endpoint });
    } catch (error) {
      this.#problems.set(id, error instanceof Error ? error.message : String(error));
    }
  }

  #setNeighbours(link: Link, endpoint: LocalWorkloadEndpoint): void {
    const { mac } = endpoint;
    const addresses = staticArpAddresses(endpoint);
    if (mac === undefined || addresses.length === 0) return;
    const known = this.#socket.listNeighbours({ family: 4, interfaceIndex: link.index });
    const missing = addresses.filter(
      (ip) => !known.some((entry) => entry.ip === ip && entry.mac === mac && entry.state === 'permanent'),
    );
    this.#socket.apply(missing.map((ip) => replaceNeighbour({ interfaceIndex: link.index, ip, mac })));
    this.#writes += missing.length;
  }

  #onEvent(event: RouteEvent): void {
    if (event.object === 'link') this.#onLink(event.action, event.link);
    else if (event.object === 'route' && event.originPortId !== this.#socket.portId) {
      this.#onRoute(event.action, event.route);
    }
  }

  #onLink(action: 'set' | 'delete', link: Link): void {
    if (!this.#isWorkload(link.name)) return;
    const before = this.#links.get(link.name);
    if (action === 'delete') {
      this.#links.delete(link.name);
      this.#nameByIndex.delete(link.index);
      this.#configured.delete(link.name);
    } else this.#noteLink(link);
    // The kernel drops an interface's IPv4 routes with it and says nothing.
    if (action === 'delete' || !link.up) this.#forgetRoutesOver(link.index);
    const isSame = before?.index === link.index && before.up === link.up && before.running === link.running;
    if (action === 'delete' || !isSame) this.#options.onDirty();
  }

  #forgetRoutesOver(index: number): void {
    for (const [key, route] of this.#routes) if (route.interfaceIndex === index) this.#routes.delete(key);
  }

  /** Somebody else's doing, or the kernel's. */
  #onRoute(action: 'set' | 'delete', route: Route): void {
    if (!this.#isOurs(route)) return;
    const key = keyOf(route);
    if (action === 'set') this.#routes.set(key, route);
    else if (this.#routes.get(key)?.interfaceIndex === route.interfaceIndex) this.#routes.delete(key);
    const wanted = this.#desired.routes.has(route.destination);
    if (action === 'delete' ? wanted : !this.#isWanted(route)) this.#options.onDirty();
  }
}

/** What the kernel holds after it has taken a request. */
function asKernelRoute(spec: RouteSpec): Route {
  return {
    family: familyOf(spec.destination),
    destination: spec.destination,
    table: routeTable.main,
    protocol: spec.protocol ?? routeProtocol.static,
    scope: spec.scope ?? 'universe',
    type: 'unicast',
    ...(spec.interfaceIndex === undefined ? {} : { interfaceIndex: spec.interfaceIndex }),
    ...(spec.metric === undefined ? {} : { metric: spec.metric }),
    ...(spec.source === undefined ? {} : { source: spec.source }),
  };
}
