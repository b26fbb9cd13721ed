import { cidrContains, cidrOf, type IpAddress } from '@calico-node/net';
import type { HostAddress, HostRoute } from './host-plan.ts';
import type { EarlyConfig, EarlyNode } from './early-config.ts';

/** The node's own entry, and the address by which it was found: also the router id. */
export interface ThisNode {
  readonly node: EarlyNode;
  readonly address: IpAddress;
}

const defaultRoute = '0.0.0.0/0';

/** The address that packets to the world have: the route's own, or that of the network its gateway is on. */
function defaultSources(addresses: readonly HostAddress[], routes: readonly HostRoute[]): readonly IpAddress[] {
  return routes
    .filter(({ destination }) => destination === defaultRoute)
    .flatMap(({ source, hops }) => {
      if (source !== undefined) return [source];
      return hops.flatMap(({ gateway, interfaceIndex }) =>
        addresses
          .filter((one) => gateway !== undefined && cidrContains(cidrOf(one.ip, one.prefixLength), gateway))
          .filter((one) => interfaceIndex === undefined || one.interfaceIndex === interfaceIndex)
          .map(({ ip }) => ip),
      );
    });
}

/** The entry of the node that has these addresses; undefined when there is none. */
export function findThisNode(
  { nodes, isNodeFromDefaultRoute }: EarlyConfig,
  addresses: readonly HostAddress[],
  routes: readonly HostRoute[],
): ThisNode | undefined {
  const candidates = isNodeFromDefaultRoute
    ? defaultSources(addresses, routes).slice(0, 1)
    : addresses.map(({ ip }) => ip);
  for (const address of candidates) {
    const node = nodes.find((one) => one.interfaceAddresses.includes(address));
    if (node !== undefined) return { node, address };
  }
  return undefined;
}
