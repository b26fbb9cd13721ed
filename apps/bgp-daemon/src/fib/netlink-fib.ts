import { isLinkLocal } from '@calico-node/bgp';
import type { Family, IpAddress } from '@calico-node/net';
import { NetlinkError, RouteMonitor, RouteSocket, routeTable, type Route, type RouteEvent } from '@calico-node/netlink';
import { type Fib, type FibChange, type FibError, type FibEvent, type FibSnapshot, type KernelRoute } from './fib.ts';
import { RouteWriter } from './route-writer.ts';

const families: readonly Family[] = [4, 6];

/** The kernel's main table over netlink, in the namespace of the process. */
export class NetlinkFib implements Fib {
  readonly #socket: RouteSocket;
  readonly #writer: RouteWriter;
  readonly #monitor: RouteMonitor;
  readonly #onEvent: (event: FibEvent) => void;

  constructor(onEvent: (event: FibEvent) => void) {
    this.#onEvent = onEvent;
    this.#socket = RouteSocket.open();
    this.#writer = new RouteWriter(this.#socket);
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
    const addresses = this.#socket.listAddresses();
    return {
      routes: families.flatMap((family) => this.#socket.listRoutes({ family }).map(toKernelRoute)),
      interfaces: new Map(this.#socket.listLinks().map(({ index, name }) => [index, name])),
      addresses: new Set(addresses.map(({ ip }) => ip)),
      linkLocals: linkLocalsOf(addresses),
    };
  }

  apply(changes: readonly FibChange[], onDone: (errors: readonly (FibError | undefined)[]) => void): void {
    void this.#write(changes).then(onDone);
  }

  close(): void {
    this.#monitor.close();
    this.#socket.close();
  }

  async #write(changes: readonly FibChange[]): Promise<readonly (FibError | undefined)[]> {
    try {
      return await this.#writer.write(changes);
    } catch (error) {
      if (!(error instanceof NetlinkError)) throw error;
      // The socket has failed: who knows what is there now.
      this.#onEvent({ kind: 'resync' });
      const { code, message } = error;
      return changes.map(() => ({ code, message }));
    }
  }
}

function linkLocalsOf(
  addresses: readonly { readonly interfaceIndex: number; readonly ip: IpAddress }[],
): Map<number, IpAddress> {
  const linkLocals = new Map<number, IpAddress>();
  for (const { interfaceIndex, ip } of addresses) {
    if (isLinkLocal(ip) && !linkLocals.has(interfaceIndex)) linkLocals.set(interfaceIndex, ip);
  }
  return linkLocals;
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
