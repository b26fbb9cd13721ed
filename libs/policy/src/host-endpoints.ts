import type { HostEndpoint } from '@calico-node/model';
import { parseIp, type IpAddress } from '@calico-node/net';

/** One of a host's interfaces. */
export interface HostInterface {
  readonly name: string;
  readonly addresses: readonly IpAddress[];
}

/**
 * The host endpoint, of those of one node, that covers an interface which is not a workload's: of those
 * that name it, or name none and expect one of its addresses, the one with the lowest name; else the
 * lowest of those with interface name `*` (`felix/dataplane/linux/endpoint_mgr.go`). Throws NetParseError.
 */
export function hostEndpointOf(
  endpoints: Iterable<HostEndpoint>,
  { name, addresses }: HostInterface,
): HostEndpoint | undefined {
  const sorted = [...endpoints].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const covers = ({ spec: { interfaceName = '', expectedIPs = [] } }: HostEndpoint): boolean =>
    interfaceName === '' ? expectedIPs.some((ip) => addresses.includes(parseIp(ip))) : interfaceName === name;
  return sorted.find(covers) ?? sorted.find(({ spec }) => spec.interfaceName === '*');
}
