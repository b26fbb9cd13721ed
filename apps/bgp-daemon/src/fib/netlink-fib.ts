import { familyOf, type Cidr, type Family, type IpAddress } from '@calico-node/net';
import {
  addRoute,
  deleteRoute,
  replaceRoute,
  RouteMonitor,
  RouteSocket,
  routeTable,
  type NetlinkRequest,
  type Route,
  type RouteEvent,
  type RouteSpec,
} from '@calico-node/netlink';
import {
  metricOf,
  ownProtocol,
  type Fib,
  type FibChange,
  type FibError,
  type FibEvent,
  type FibRoute,
  type FibSnapshot,
  type KernelRoute,
} from './fib.ts';

const families: readonly Family[] = [4, 6];
/** Of every network namespace's own (linux/netdevice.h, LOOPBACK_IFINDEX). */
const loopbackIndex = 1;

/** The kernel's main table over netlink, in the namespace of the process. */
export class NetlinkFib implements Fib {
  readonly #socket: RouteSocket;
  readonly #monitor: RouteMonitor;

  constructor(onEvent: (event: FibEvent) => void) {
    this.#socket = RouteSocket.open();
    this.#monitor = RouteMonitor.open({
      // What we did ourselves is known from the answer, and an old echo would look like news.
      ignoredPortId: this.#socket.portId,
      groups: ['link', 'address', 'ipv4-route', 'ipv6-route'],
      onEvent: (event) => {
        const translated = translate(event);
        if (translated !== undefined) onEvent(translated);
      },
      onOverrun: () => {
        onEvent({ kind: 'resync' });
      },
    });
  }

  snapshot(): FibSnapshot {
    const addresses = new Set<IpAddress>(this.#socket.listAddresses().map(({ ip }) => ip));
    return {
      routes: families.flatMap((family) => this.#socket.listRoutes({ family }).map(toKernelRoute)),
      interfaces: new Map(this.#socket.listLinks().map(({ index, name }) => [index, name])),
      addresses,
    };
  }

  apply(changes: readonly FibChange[]): readonly (FibError | undefined)[] {
    const requests: NetlinkRequest[] = [];
    const changeOf: number[] = [];
    for (const [index, change] of changes.entries()) {
      for (const request of toRequests(change)) {
        requests.push(request);
        changeOf.push(index);
      }
    }
    const errors = new Array<FibError | undefined>(changes.length).fill(undefined);
    for (const [index, error] of this.#socket.execute(requests).entries()) {
      if (error !== undefined) errors[changeOf[index] ?? 0] ??= { code: error.code, message: error.message };
    }
    return errors;
  }

  close(): void {
    this.#monitor.close();
    this.#socket.close();
  }
}

/** What the kernel is asked for a change. */
export function toRequests(change: FibChange): readonly NetlinkRequest[] {
  switch (change.kind) {
    case 'add':
      return [addRoute(toSpec(change.route))];
    case 'replace':
      return [replaceRoute(toSpec(change.route))];
    case 'move':
      return [addRoute(toSpec(change.route)), deleteRoute(base(change.route.destination, change.oldMetric))];
    case 'delete':
      return [deleteRoute(base(change.destination, change.metric))];
  }
}

function base(destination: Cidr, metric: number): RouteSpec {
  return { family: familyOf(destination), destination, protocol: ownProtocol, ...(metric === 0 ? {} : { metric }) };
}

function toSpec(route: FibRoute): RouteSpec {
  const common = base(route.destination, metricOf(route));
  if (route.kind === 'blackhole') return { ...common, type: 'blackhole' };
  if (route.kind === 'local') return { ...common, type: 'local', interfaceIndex: loopbackIndex };
  const [first, ...others] = route.hops;
  return others.length === 0 ? { ...common, ...first } : { ...common, multipath: route.hops };
}

function toKernelRoute(route: Route): KernelRoute {
  const [hop = route, ...others] = route.multipath ?? [];
  const { type } = route;
  const isKnown = type === 'unicast' || type === 'blackhole' || type === 'unreachable' || type === 'local';
  return {
    destination: route.destination,
    kind: isKnown ? type : 'other',
    gateway: hop.gateway,
    // IPv6 shows routes without an interface on the loopback.
    interfaceIndex: type === 'unicast' ? (hop.interfaceIndex ?? 0) : 0,
    ...(others.length === 0
      ? {}
      : { others: others.map((other) => ({ gateway: other.gateway, interfaceIndex: other.interfaceIndex ?? 0 })) }),
    protocol: route.protocol,
    metric: route.metric ?? 0,
    isLinkScope: route.scope === 'link' || (route.family === 6 && hop.gateway === undefined),
  };
}

function translate(event: RouteEvent): FibEvent | undefined {
  if (event.object === 'route') {
    if (event.route.table !== routeTable.main) return undefined;
    return { kind: event.action === 'set' ? 'route-added' : 'route-removed', route: toKernelRoute(event.route) };
  }
  if (event.object === 'link') {
    // The kernel does not tell which IPv4 routes went with an interface: look.
    if (event.action === 'delete' || !event.link.up) return { kind: 'resync' };
    return { kind: 'interface', index: event.link.index, name: event.link.name };
  }
  return event.object === 'address' ? { kind: 'resync' } : undefined;
}
