import { cidrContains, hostCidr, splitCidr, tryParseIp, type IpAddress } from '@calico-node/net';
import { RouteSocket, routeTable, type Route } from '@calico-node/netlink';
import { type felixV1, RpcError } from '@calico-node/rpc';

/** Answers LookUpRoute from the kernel. @throws RpcError INVALID_ARGUMENT */
export function lookUpRoute(text: string): felixV1.LookUpRouteResponse {
  const address = tryParseIp(text);
  if (address === undefined) throw new RpcError('INVALID_ARGUMENT', `"${text}" is no address`);
  using socket = RouteSocket.open();
  const { family } = splitCidr(hostCidr(address));
  const entry = longestMatch(socket.listRoutes({ family, table: 'all' }), address);
  const answer = socket.lookupRoute(address);
  const toWire = (route: Route | undefined): felixV1.KernelRoute | undefined => route && routeToWire(route, socket);
  return { entry: toWire(entry), answer: toWire(answer) };
}

/** The table local goes before main, a longer prefix before a shorter one, a lower metric before a higher one. */
export function longestMatch(routes: readonly Route[], address: IpAddress): Route | undefined {
  for (const table of [routeTable.local, routeTable.main]) {
    const [best] = routes
      .filter((route) => route.table === table && cidrContains(route.destination, address))
      .sort(
        (a, b) =>
          splitCidr(b.destination).prefixLength - splitCidr(a.destination).prefixLength ||
          (a.metric ?? 0) - (b.metric ?? 0),
      );
    if (best !== undefined) return best;
  }
  return undefined;
}

export function routeToWire(route: Route, socket: RouteSocket): felixV1.KernelRoute {
  const { destination, type, protocol, table, metric = 0, source = '', multipath } = route;
  const isDirect = route.gateway !== undefined || route.interfaceIndex !== undefined;
  const nextHops = (multipath ?? (isDirect ? [route] : [])).map(({ gateway = '', interfaceIndex, onlink = false }) => ({
    gateway,
    interfaceName:
      interfaceIndex === undefined ? '' : (socket.getLink(interfaceIndex)?.name ?? `index ${interfaceIndex}`),
    onlink,
  }));
  return { destination, type, protocol, table, metric, source, nextHops };
}
