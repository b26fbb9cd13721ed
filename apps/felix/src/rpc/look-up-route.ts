import { cidrContains, familyOf, splitCidr, tryParseIp, type IpAddress } from '@calico-node/net';
import {
  RouteSocket,
  routeTable,
  type Link,
  type NetnsRef,
  type NextHop,
  type Route,
  type RoutingRule,
} from '@calico-node/netlink';
import { type felixV1, RpcError } from '@calico-node/rpc';

/** Answers LookUpRoute from the kernel. @throws RpcError INVALID_ARGUMENT */
export async function lookUpRoute(text: string, netns?: NetnsRef): Promise<felixV1.LookUpRouteResponse> {
  const address = tryParseIp(text);
  if (address === undefined) throw new RpcError('INVALID_ARGUMENT', `"${text}" is no address`);
  const where = netns === undefined ? {} : { netns };
  using socket = RouteSocket.open(where);
  const family = familyOf(address);
  const entry = kernelEntry(socket.listRules(family), socket.listRoutes({ family, table: 'all' }), address);
  const answer = socket.lookupRoute(address);
  const toWire = (route: Route | undefined): felixV1.KernelRoute | undefined => route && routeToWire(route, socket);
  const found = { entry: toWire(entry), answer: toWire(answer) };
  for (const hop of [found.entry, found.answer].flatMap((route) => route?.nextHops ?? [])) {
    const link = hop.interfaceKind === 'wireguard' ? socket.getLink(hop.interfaceName) : undefined;
    if (link !== undefined) hop.remote = await wireguardPeer(link, address, where);
  }
  return found;
}

const defaultRules: readonly Pick<RoutingRule, 'table'>[] = [{ table: routeTable.local }, { table: routeTable.main }];

/** The entry for what the host sends without a mark. A table says by `throw` that the next one is to be asked. */
export function kernelEntry(
  rules: readonly RoutingRule[],
  routes: readonly Route[],
  address: IpAddress,
): Route | undefined {
  const asked = [...rules].sort((a, b) => a.priority - b.priority).filter(meansUnmarked);
  for (const { table } of asked.length === 0 ? defaultRules : asked) {
    const best = longestMatch(routes, table, address);
    if (best !== undefined && best.type !== 'throw') return best;
  }
  return undefined;
}

function meansUnmarked({ mark, isInverted = false, isSelective }: RoutingRule): boolean {
  if (isSelective === true) return false;
  const isMeant = mark === undefined || mark.value === 0;
  return isMeant !== isInverted;
}

/** A longer prefix goes before a shorter one, a lower metric before a higher one. */
function longestMatch(routes: readonly Route[], table: number, address: IpAddress): Route | undefined {
  const [best] = routes
    .filter((route) => route.table === table && cidrContains(route.destination, address))
    .sort(
      (a, b) =>
        splitCidr(b.destination).prefixLength - splitCidr(a.destination).prefixLength ||
        (a.metric ?? 0) - (b.metric ?? 0),
    );
  return best;
}

export function routeToWire(route: Route, socket: RouteSocket): felixV1.KernelRoute {
  const { destination, type, protocol, table, metric = 0, source = '', multipath } = route;
  const isDirect = route.gateway !== undefined || route.interfaceIndex !== undefined;
  const nextHops = (multipath ?? (isDirect ? [route] : [])).map((hop) => hopToWire(hop, socket));
  return { destination, type, protocol, table, metric, source, nextHops };
}

function hopToWire({ gateway, interfaceIndex, onlink = false }: NextHop, socket: RouteSocket): felixV1.KernelNextHop {
  const link = interfaceIndex === undefined ? undefined : socket.getLink(interfaceIndex);
  const unnamed = interfaceIndex === undefined ? '' : `index ${interfaceIndex}`;
  return {
    gateway: gateway ?? '',
    interfaceName: link?.name ?? unnamed,
    onlink,
    interfaceKind: link?.kind ?? '',
    remote: link === undefined || gateway === undefined ? '' : (remoteOf(gateway, link, socket) ?? ''),
  };
}

/** Where a tunnel's packets for a gateway go: for VXLAN by its neighbour and that one's forwarding entry. */
function remoteOf(gateway: IpAddress, { index, kind }: Link, socket: RouteSocket): IpAddress | undefined {
  if (kind === 'ipip') return gateway;
  if (kind !== 'vxlan') return undefined;
  const mac = socket.listNeighbours({ interfaceIndex: index }).find(({ ip }) => ip === gateway)?.mac;
  return socket.listFdb({ interfaceIndex: index }).find((entry) => entry.mac === mac)?.destination;
}

/** Of the peers, the one that has the address among its own. */
async function wireguardPeer(
  { index }: Link,
  address: IpAddress,
  where: { readonly netns?: NetnsRef },
): Promise<string> {
  const { WireguardSocket } = await import('@calico-node/netlink/wireguard');
  using socket = WireguardSocket.open(where);
  const peer = socket
    .getDevice(index)
    ?.peers.flatMap(({ endpoint, allowedIps }) => allowedIps.map((cidr) => ({ endpoint, cidr })))
    .filter(({ cidr }) => cidrContains(cidr, address))
    .sort((a, b) => splitCidr(b.cidr).prefixLength - splitCidr(a.cidr).prefixLength)[0];
  return peer?.endpoint?.ip ?? '';
}
