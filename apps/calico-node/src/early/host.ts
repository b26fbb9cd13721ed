import { RouteSocket, addAddress, addRoute, deleteAddress, type Route, type RouteSpec } from '@calico-node/netlink';
import type { HostAddress, HostPlan, HostRoute, HostState } from './host-plan.ts';

const loopback = 'lo';

function toHostRoute(route: Route): HostRoute {
  return {
    destination: route.destination,
    protocol: route.protocol,
    metric: route.metric ?? 0,
    source: route.source,
    hops: route.multipath ?? [{ gateway: route.gateway, interfaceIndex: route.interfaceIndex }],
  };
}

function toSpec({ destination, protocol, metric, source, hops }: HostRoute): RouteSpec {
  const ways = hops.map(({ gateway, interfaceIndex }) => ({
    ...(gateway === undefined ? {} : { gateway }),
    ...(interfaceIndex === undefined ? {} : { interfaceIndex }),
  }));
  return {
    destination,
    protocol,
    ...(metric === 0 ? {} : { metric }),
    ...(source === undefined ? {} : { source }),
    ...(ways.length === 1 ? ways[0] : { multipath: ways }),
  };
}

function listAddresses(socket: RouteSocket): readonly HostAddress[] {
  return socket.listAddresses({ family: 4 }).map(({ interfaceIndex, ip, prefixLength, scope }) => ({
    interfaceIndex,
    ip,
    prefixLength,
    isLinkScope: scope === 'link',
  }));
}

/** The host's IPv4 addresses, and the unicast routes of its main table, as they are now. */
export function readHostState(): HostState {
  using socket = RouteSocket.open();
  return {
    addresses: listAddresses(socket),
    routes: socket
      .listRoutes({ family: 4 })
      .filter(({ type }) => type === 'unicast')
      .map(toHostRoute),
    loopbackIndex: socket.getLink(loopback)?.index ?? 1,
  };
}

/** Tells the kernel; what is there already is no failure. @throws NetlinkError */
function add(socket: RouteSocket, requests: Parameters<RouteSocket['execute']>[0]): void {
  const error = socket.execute(requests).find((one) => one !== undefined && one.code !== 'EEXIST');
  if (error !== undefined) throw error;
}

/** Carries a plan out. The host's other addresses are as before after it. @throws NetlinkError */
export function applyHostPlan(
  { needsStableAddress, narrowed, routes }: HostPlan,
  stableAddress: HostAddress['ip'],
  { loopbackIndex }: HostState,
): void {
  using socket = RouteSocket.open();
  if (needsStableAddress) {
    add(socket, [addAddress({ interfaceIndex: loopbackIndex, ip: stableAddress, prefixLength: 32 })]);
  }
  const before = listAddresses(socket);
  for (const { interfaceIndex, ip, prefixLength } of narrowed) {
    const address = { interfaceIndex, ip, prefixLength };
    socket.apply([deleteAddress(address)]);
    add(socket, [addAddress({ ...address, scope: 'link' })]);
  }
  // A network's further addresses may go with its first one.
  const now = listAddresses(socket);
  const lost = before.filter(
    (one) => !now.some(({ ip, interfaceIndex: at }) => ip === one.ip && at === one.interfaceIndex),
  );
  add(
    socket,
    lost.map(({ isLinkScope, ...address }) => addAddress({ ...address, ...(isLinkScope ? { scope: 'link' } : {}) })),
  );
  add(
    socket,
    routes.map((route) => addRoute(toSpec(route))),
  );
}
