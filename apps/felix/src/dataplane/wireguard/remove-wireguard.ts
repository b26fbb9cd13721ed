import type { Family } from '@calico-node/net';
import { deleteLink, deleteRoute, type NetnsRef, RouteSocket } from '@calico-node/netlink';
import { removeArpMark } from './arp-mark.ts';
import { removeRules } from './routing-rule.ts';

export interface RemovalOptions {
  readonly netns?: NetnsRef;
  readonly family: Family;
  readonly interfaceName: string;
  readonly table: number;
  /** RTPROT_* of the routes that were ours. */
  readonly routeProtocol: number;
}

/** Takes away what an earlier run with WireGuard has left, the rule first. Gives how many changes that took. */
export function removeWireguard({ netns, family, interfaceName, table, routeProtocol }: RemovalOptions): number {
  using socket = RouteSocket.open(netns === undefined ? {} : { netns });
  const rules = removeRules(socket, { family, table });
  const routes = socket.listRoutes({ family, table }).filter(({ protocol }) => protocol === routeProtocol);
  const hasDevice = socket.getLink(interfaceName)?.kind === 'wireguard';
  const requests = [...routes.map(deleteRoute), ...(hasDevice ? [deleteLink({ name: interfaceName })] : [])];
  socket.apply(requests);
  return rules + requests.length + (family === 4 ? removeArpMark(netns) : 0);
}
