import type { HostEndpoint } from '@calico-node/model';
import { tryParseIp, type IpAddress } from '@calico-node/net';
import type { PolicyEndpoint } from './endpoint.ts';
import { memberOfHostEndpoint } from './members.ts';

/** A node, as far as policy has a say in what passes through it. */
export interface FlowNode {
  readonly name: string;
  /** Covers the interface between it and other nodes. */
  readonly uplink?: PolicyEndpoint;
  /** Its host endpoint `*`. */
  readonly wildcard?: PolicyEndpoint;
}

/**
 * A node by its host endpoints, which may be those of all nodes. Which of them covers the interface to other nodes, the
 * resources do not say: it is the one that expects an address of the node, else the one with the lowest name that has an
 * interface or an address of its own. Throws NetParseError.
 */
export function flowNodeOf(
  name: string,
  hostEndpoints: Iterable<HostEndpoint>,
  addresses: readonly IpAddress[],
): FlowNode {
  const own = [...hostEndpoints]
    .filter(({ spec }) => spec.node === name)
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const wildcard = own.find(isWildcard);
  const others = own.filter((each) => !isWildcard(each));
  const expects = ({ spec }: HostEndpoint): boolean =>
    (spec.expectedIPs ?? []).some((text) => addresses.some((ip) => tryParseIp(text) === ip));
  const uplink = others.find(expects) ?? others[0];
  return {
    name,
    ...(uplink === undefined ? {} : { uplink: policyEndpointOf(uplink) }),
    ...(wildcard === undefined ? {} : { wildcard: policyEndpointOf(wildcard) }),
  };
}

/** Whether it covers every interface of its node that no other one does. */
export function isWildcard({ spec }: HostEndpoint): boolean {
  return spec.interfaceName === '*';
}

/** A host endpoint as policy sees it. Throws NetParseError. */
export function policyEndpointOf(resource: HostEndpoint): PolicyEndpoint {
  const { labels, profiles } = memberOfHostEndpoint(resource);
  return { kind: 'host', name: resource.metadata.name, labels, profiles };
}
