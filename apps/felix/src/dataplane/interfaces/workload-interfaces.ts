/**
 * The driver of workload interfaces: host routes, static neighbours and interface settings.
 *
 *   endpoints ─► EndpointClaims ─┐                          ┌─► withdraw: routes that must go
 *                                ├─► touched names, addresses┤
 *   kernel ────► KernelView ─────┘                          └─► establish: settings, neighbours, routes that must come
 *
 * It holds what should be beside what is (listed once, then followed through the kernel's own events), and looks again
 * only at the interfaces and addresses that either side touched: what a change costs does not grow with the node. What
 * is ours is recognised by the interface's name, and so without memory of an earlier run.
 */
import { type Cidr, familyOf, type Family, hostCidr, type IpAddress, splitCidr } from '@calico-node/net';
import {
  deleteRoute,
  type Link,
  type NetnsRef,
  replaceRoute,
  type Route,
  type RouteEvent,
  RouteMonitor,
  RouteSocket,
  routeTable,
  type RouteSpec,
} from '@calico-node/netlink';
import type { WorkloadEndpointId } from '../../calc/endpoint-id.ts';
import type { LocalWorkloadEndpoint } from '../../calc/intents.ts';
import { errorText } from '../error-text.ts';
import { Repairs } from '../repairs.ts';
import { EndpointClaims, type Touched } from './endpoint-claims.ts';
import { KernelSettings } from './interface-settings.ts';
import { InterfaceSetup } from './interface-setup.ts';
import { KernelView, type OwnRoutes } from './kernel-view.ts';
import type { Routing } from './migration-phase.ts';
import { asKernelRoute, isGone, isSameRoute, routeText } from './workload-route.ts';

export interface WorkloadInterfacesOptions extends OwnRoutes {
  /** The node's namespace; the process's own when absent. */
  readonly netns?: NetnsRef;
  readonly ipv6: boolean;
  /** Metric of our routes (IPv4NormalRoutePriority, IPv6NormalRoutePriority). */
  readonly metric: Readonly<Record<Family, number>>;
  /** Source of packets that the host itself sends to a workload (DeviceRouteSourceAddress). */
  readonly source?: Partial<Readonly<Record<Family, IpAddress>>>;
  /** Metric of the routes that go before others' (IPv4ElevatedRoutePriority, IPv6ElevatedRoutePriority). */
  readonly elevatedMetric?: Readonly<Record<Family, number>>;
  /** Which route an endpoint has; by default the usual one. Whoever knows calls `reroute` when it changes. */
  readonly routing?: (id: WorkloadEndpointId) => Routing;
  /** Leaves routes and neighbours to others (RouteSyncDisabled). */
  readonly withoutRoutes?: boolean;
  /** Told how long it took to list what the kernel has, in seconds. */
  readonly onListed?: (seconds: number) => void;
  /** Told of what somebody else had changed, routes and settings, and that was put right. */
  readonly onRepair?: (what: readonly string[]) => void;
  /** The kernel changed beneath us, by somebody else's hand or by itself: apply again. */
  readonly onDirty: () => void;
}

/** How an endpoint's interface is. */
export type InterfaceState = { readonly state: 'up' } | { readonly state: 'down' | 'error'; readonly reason: string };

/** The origin of what the kernel changes by itself. */
const KERNEL = 0;

const ipv6Groups = ['ipv6-route'] as const;

const UP: InterfaceState = { state: 'up' };

export class WorkloadInterfaces implements Disposable {
  readonly #options: WorkloadInterfacesOptions;
  readonly #socket: RouteSocket;
  readonly #monitor: RouteMonitor;
  readonly #settings: KernelSettings;
  readonly #claims = new EndpointClaims();
  readonly #kernel: KernelView;
  readonly #setup: InterfaceSetup;
  /** Addresses whose routes in the kernel may have to go. */
  readonly #toWithdraw = new Set<Cidr>();
  /** Interfaces whose settings and neighbours, and addresses whose routes, may have to come. */
  readonly #toConfigure = new Set<string>();
  readonly #toRoute = new Set<Cidr>();
  /** Others' routes that have taken the place of ours, or stand before them. */
  readonly #usurpers: Route[] = [];
  /** Addresses that routes were taken from, since they were last asked for. */
  #withdrawn = new Set<IpAddress>();
  /** Endpoints whose state may be another since it was last taken. */
  readonly #toSettle = new Set<WorkloadEndpointId>();
  /** What the kernel refused at the last try, by interface or address. */
  readonly #problems = new Map<string, string>();
  readonly #repairs: Repairs;
  #superseded: readonly Route[] = [];
  #needsResync = true;
  #writes = 0;

  constructor(options: WorkloadInterfacesOptions) {
    this.#options = options;
    this.#repairs = new Repairs(options.onRepair);
    const where = options.netns === undefined ? {} : { netns: options.netns };
    this.#kernel = new KernelView(options, (name) => this.#claims.isBgpPeer(name));
    this.#settings = new KernelSettings({ ...where, ipv6: options.ipv6 });
    // The monitor first: what happens while we list is in both, and nothing is missed.
    this.#monitor = RouteMonitor.open({
      ...where,
      groups: ['link', 'address', 'neighbour', 'settings', 'ipv4-route', ...(options.ipv6 ? ipv6Groups : [])],
      onEvent: (event) => {
        this.#onEvent(event);
      },
      onOverrun: () => {
        this.resync();
        options.onDirty();
      },
    });
    this.#socket = RouteSocket.open(where);
    this.#setup = new InterfaceSetup({
      socket: this.#socket,
      settings: this.#settings,
      withoutRoutes: options.withoutRoutes === true,
      repairs: this.#repairs,
    });
  }

  /** Requests for a change that the kernel was sent since start, sysctls included. */
  get writes(): number {
    return this.#writes + this.#setup.writes + this.#settings.writes;
  }

  /** Routes over workload interfaces that the kernel holds now. */
  get routeCount(): number {
    return this.#kernel.routeCount;
  }

  /** How often what somebody else had changed was put right. */
  get repairs(): number {
    return this.#repairs.count;
  }

  get interfaceCount(): number {
    return this.#kernel.linkCount;
  }

  /** @throws the file error when the host cannot be made to route. */
  enableForwarding(): void {
    this.#settings.enableForwarding();
  }

  update(id: WorkloadEndpointId, endpoint: LocalWorkloadEndpoint): void {
    this.#touch(this.#claims.set(id, endpoint));
  }

  remove(id: WorkloadEndpointId): void {
    this.#touch(this.#claims.set(id, undefined));
  }

  /** Whether the kernel has a route of the elevated metric to one of the addresses. */
  isElevated(addresses: readonly Cidr[]): boolean {
    this.#refresh();
    const { elevatedMetric } = this.#options;
    const routes = addresses.flatMap((address) => this.#kernel.routesTo(address));
    return routes.some(({ family, metric }) => metric === elevatedMetric?.[family]);
  }

  /** The endpoint's routing has changed. */
  reroute(id: WorkloadEndpointId): void {
    for (const destination of this.#claims.get(id)?.addresses ?? []) this.#touchDestination(destination);
    this.#options.onDirty();
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
    const problems = [...this.#setup.applyHost(), ...this.#deleteUsurpers()];
    const stale = [...this.#toWithdraw]
      .flatMap((destination) => this.#kernel.routesTo(destination))
      .filter((route) => !this.#isWanted(route));
    this.#toWithdraw.clear();
    this.#superseded = stale.filter((route) => this.#isSuperseded(route));
    return [...problems, ...this.#delete(stale.filter((route) => !this.#superseded.includes(route)))];
  }

  #deleteUsurpers(): string[] {
    const requests = this.#usurpers.map((route) => deleteRoute(route));
    this.#usurpers.length = 0;
    this.#writes += requests.length;
    const outcome = this.#socket.execute(requests);
    return outcome.flatMap((error) => (error === undefined || isGone(error) ? [] : [error.message]));
  }

  #delete(stale: readonly Route[]): string[] {
    if (stale.length === 0 || this.#options.withoutRoutes === true) return [];
    const outcome = this.#socket.execute(stale.map((route) => deleteRoute(route)));
    this.#writes += stale.length;
    this.#repairs.changed(
      stale.filter((_, index) => outcome[index] === undefined).map(({ destination }) => routeText(destination)),
    );
    return stale.flatMap((route, index) => {
      const error = outcome[index];
      if (error === undefined || isGone(error)) {
        this.#kernel.deleteRoute(route);
        this.#noteWithdrawn(route);
        return [];
      }
      this.#toWithdraw.add(route.destination);
      return [error.message];
    });
  }

  /**
   * Puts settings, neighbours and routes in place; the routes last, since they open the way. After the rules of the
   * same change. An endpoint that fails does not hold up the others, and is tried again next time; see `stateOf`.
   */
  establish(): void {
    this.#refresh();
    const names = [...this.#toConfigure];
    this.#toConfigure.clear();
    for (const name of names) this.#configure(name);
    for (const name of names) this.#settleLater(this.#claims.claimantsOfInterface(name));
    for (const destination of this.#toRoute) this.#settleLater(this.#claims.claimantsOfAddress(destination));
    this.#addRoutes();
    const superseded = this.#superseded;
    this.#superseded = [];
    this.#delete(superseded);
  }

  /** The endpoints whose `stateOf` may have changed by what was established since this was last called. */
  takeTouched(): ReadonlySet<WorkloadEndpointId> {
    const touched = new Set(this.#toSettle);
    this.#toSettle.clear();
    return touched;
  }

  /**
   * The addresses that routes over workload interfaces led to that were withdrawn since this was last called, but for
   * those that lead there still, in another way: also of endpoints that went while Felix did not run.
   */
  takeWithdrawn(): ReadonlySet<IpAddress> {
    const withdrawn = this.#withdrawn;
    this.#withdrawn = new Set();
    return withdrawn;
  }

  /** Whether an endpoint has the address, as of the changes taken. */
  isHeld(ip: IpAddress): boolean {
    return this.#claims.holderOf(hostCidr(ip)) !== undefined;
  }

  /** Whose the interface is, as of the changes taken. */
  endpointOn(interfaceName: string): LocalWorkloadEndpoint | undefined {
    return this.#claims.ownerOf(interfaceName)?.endpoint;
  }

  /** How an endpoint's interface, routes and settings are, as of the last `establish`. */
  stateOf(id: WorkloadEndpointId): InterfaceState {
    const endpoint = this.#claims.get(id);
    if (endpoint === undefined) return { state: 'down', reason: 'the endpoint is not known' };
    const { interfaceName, addresses } = endpoint;
    const loss = this.#claims.lossOf(id);
    if (loss !== undefined) return { state: 'error', reason: loss };
    if (!endpoint.adminUp) return { state: 'down', reason: 'the endpoint is administratively down' };
    const link = this.#kernel.link(interfaceName);
    if (link === undefined) return { state: 'down', reason: `interface ${interfaceName} does not exist` };
    if (!link.up) return { state: 'down', reason: `interface ${interfaceName} is down` };
    const problem = [interfaceName, ...addresses].map((what) => this.#problems.get(what)).find(Boolean);
    if (problem !== undefined) return { state: 'error', reason: problem };
    if (!link.running) return { state: 'down', reason: `interface ${interfaceName} has no carrier` };
    return UP;
  }

  close(): void {
    this.#monitor.close();
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #noteWithdrawn({ destination, interfaceIndex, family }: Route): void {
    const { ip, prefixLength } = splitCidr(destination);
    const isOfHost = prefixLength === (family === 4 ? 32 : 128);
    if (isOfHost && this.#specOf(destination)?.link.index !== interfaceIndex) this.#withdrawn.add(ip);
  }

  #settleLater(ids: readonly WorkloadEndpointId[]): void {
    for (const id of ids) this.#toSettle.add(id);
  }

  #touch({ interfaces, destinations }: Touched): void {
    for (const name of interfaces) this.#toConfigure.add(name);
    for (const destination of destinations) this.#touchDestination(destination);
  }

  #touchDestination(destination: Cidr): void {
    this.#toWithdraw.add(destination);
    this.#toRoute.add(destination);
  }

  /** Has an interface, and the addresses of its owner, looked at again. */
  #touchInterface(name: string): void {
    this.#toConfigure.add(name);
    for (const destination of this.#claims.ownerOf(name)?.endpoint.addresses ?? []) this.#touchDestination(destination);
  }

  #refresh(): void {
    if (!this.#needsResync) return;
    const startedAt = performance.now();
    this.#kernel.list(this.#socket, this.#options.ipv6 ? [4, 6] : [4]);
    this.#setup.list((index) => this.#kernel.nameOf(index) !== undefined);
    this.#options.onListed?.((performance.now() - startedAt) / 1000);
    for (const name of this.#claims.interfaces()) this.#toConfigure.add(name);
    for (const destination of this.#claims.destinations()) this.#touchDestination(destination);
    for (const destination of this.#kernel.destinations()) this.#touchDestination(destination);
    this.#needsResync = false;
  }

  /** The route that should be there, if there should be one and its interface exists. */
  #specOf(destination: Cidr): { readonly spec: RouteSpec; readonly link: Link } | undefined {
    const holder = this.#claims.holderOf(destination);
    const link = holder && this.#kernel.link(holder.endpoint.interfaceName);
    if (holder === undefined || link === undefined) return undefined;
    const routing = this.#options.routing?.(holder.id) ?? 'normal';
    if (routing === 'none') return undefined;
    const { metric, elevatedMetric = metric } = this.#options;
    const family = familyOf(destination);
    const source = this.#options.source?.[family];
    const spec: RouteSpec = {
      destination,
      interfaceIndex: link.index,
      protocol: this.#options.routeProtocol,
      metric: (routing === 'elevated' ? elevatedMetric : metric)[family],
      ...(family === 4 ? { scope: 'link' as const } : {}),
      ...(source === undefined ? {} : { source }),
    };
    return { spec, link };
  }

  #isWanted(route: Route): boolean {
    const wanted = this.#specOf(route.destination);
    return wanted !== undefined && isSameRoute(route, wanted.spec);
  }

  /** Whether its place is taken by another route over the same interface: it goes once that is there. */
  #isSuperseded(route: Route): boolean {
    const wanted = this.#specOf(route.destination);
    return (
      wanted?.link.up === true &&
      wanted.link.index === route.interfaceIndex &&
      (wanted.spec.metric ?? 0) !== (route.metric ?? 0)
    );
  }

  #addRoutes(): void {
    const missing: RouteSpec[] = [];
    for (const destination of this.#toRoute) {
      this.#problems.delete(destination);
      const wanted = this.#specOf(destination);
      // The kernel takes no route over an interface that is down; its coming up brings us back here.
      if (wanted?.link.up !== true || this.#problems.has(wanted.link.name)) continue;
      const { spec } = wanted;
      if (!this.#kernel.routesTo(destination).some((route) => isSameRoute(route, spec))) missing.push(spec);
    }
    this.#toRoute.clear();
    if (missing.length === 0 || this.#options.withoutRoutes === true) return;
    const outcome = this.#socket.execute(missing.map((spec) => replaceRoute(spec)));
    this.#writes += missing.length;
    this.#repairs.changed(
      missing.filter((_, index) => outcome[index] === undefined).map(({ destination }) => routeText(destination)),
    );
    for (const [index, spec] of missing.entries()) {
      const error = outcome[index];
      if (error === undefined) {
        this.#kernel.setRoute(asKernelRoute(spec));
        continue;
      }
      this.#problems.set(spec.destination, error.message);
      this.#toRoute.add(spec.destination);
    }
  }

  #configure(name: string): void {
    const hadProblem = this.#problems.delete(name);
    const owner = this.#claims.ownerOf(name);
    const link = this.#kernel.link(name);
    if (link?.up !== true) return;
    try {
      if (owner === undefined) this.#setup.clear(link);
      else if (this.#setup.apply(link, owner.endpoint)) this.#onAddressLost(link.index);
      if (hadProblem) for (const destination of owner?.endpoint.addresses ?? []) this.#toRoute.add(destination);
    } catch (error) {
      // Until then no route leads over it.
      this.#problems.set(name, errorText(error));
      this.#toConfigure.add(name);
    }
  }

  #onEvent(event: RouteEvent): void {
    if (event.object === 'link') this.#onLink(event.action, event.link);
    else if (event.object === 'route') {
      if (event.originPortId !== this.#socket.portId) this.#onRoute(event);
    } else {
      const index = interfaceOf(event);
      const name = this.#kernel.nameOf(index);
      const hasLost =
        event.object === 'address' && event.action === 'delete' && event.originPortId !== this.#socket.portId;
      if (hasLost && index !== undefined && name !== undefined) this.#onAddressLost(index);
      const isNews = this.#setup.isNews(event, name);
      if (isNews && name !== undefined) this.#toConfigure.add(name);
      if (isNews || hasLost) this.#options.onDirty();
    }
  }

  /** If it was the interface's last, its IPv4 routes went with it. */
  #onAddressLost(index: number): void {
    for (const destination of this.#kernel.forgetRoutesOver(index, [4])) this.#touchDestination(destination);
  }

  #onLink(action: 'set' | 'delete', link: Link): void {
    const { index, name } = link;
    const formerName = this.#kernel.nameOf(index);
    if (formerName !== undefined && formerName !== name) this.#onRenamed(formerName, index);
    if (!this.#kernel.isWorkload(name)) return;
    const before = this.#kernel.link(name);
    if (action === 'delete') this.#kernel.deleteLink(link);
    else this.#kernel.setLink(link);
    if (action === 'delete' || !link.up) {
      this.#kernel.forgetRoutesOver(index);
      this.#setup.forget(name);
    }
    const isSame = before?.index === index && before.up === link.up && before.running === link.running;
    if (action === 'set' && isSame) return;
    // Nobody's yet: its endpoint brings us back here.
    if (this.#claims.ownerOf(name) === undefined) return;
    this.#touchInterface(name);
    this.#options.onDirty();
  }

  /** To whom routes lead is told by the name: those over the interface go. */
  #onRenamed(name: string, index: number): void {
    for (const destination of this.#kernel.destinationsOver(index)) this.#touchDestination(destination);
    this.#kernel.deleteLink({ name, index });
    this.#setup.forget(name);
    this.#touchInterface(name);
    this.#options.onDirty();
  }

  /** Somebody else's doing, or the kernel's. */
  #onRoute({ action, route, isAppended, originPortId }: RouteEvent & { readonly object: 'route' }): void {
    if (!this.#kernel.isOurs(route)) {
      if (action === 'set' && !isAppended) this.#onStrangeRoute(route);
      return;
    }
    const { destination, metric } = route;
    const known = this.#kernel.routesTo(destination).find((other) => (other.metric ?? 0) === (metric ?? 0));
    if (action === 'set') this.#kernel.setRoute(route);
    else if (known?.interfaceIndex === route.interfaceIndex) this.#kernel.deleteRoute(route);
    const isWanted = action === 'delete' ? this.#claims.holderOf(destination) === undefined : this.#isWanted(route);
    if (isWanted) return;
    if (originPortId !== KERNEL) this.#repairs.foreign(routeText(destination));
    this.#touchDestination(destination);
    this.#options.onDirty();
  }

  /** Not over a workload's interface. With a wanted route's destination and metric it has taken that one's place. */
  #onStrangeRoute(route: Route): void {
    const { destination, metric, table } = route;
    const wanted = table === routeTable.main ? this.#specOf(destination) : undefined;
    if (wanted === undefined || (wanted.spec.metric ?? 0) !== (metric ?? 0) || this.#options.withoutRoutes === true)
      return;
    this.#kernel.deleteRoute(route);
    this.#usurpers.push(route);
    this.#repairs.foreign(routeText(destination));
    this.#touchDestination(destination);
    this.#options.onDirty();
  }
}

/** What the event is about; undefined where that is no interface. */
function interfaceOf(event: RouteEvent): number | undefined {
  switch (event.object) {
    case 'address':
      return event.address.interfaceIndex;
    case 'neighbour':
      return event.neighbour.interfaceIndex;
    case 'settings':
      return event.settings.interfaceIndex === 'all' ? undefined : event.settings.interfaceIndex;
    default:
      return undefined;
  }
}
