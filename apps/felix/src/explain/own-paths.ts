import { hostCidr, type IpAddress, type NodeName } from '@calico-node/net';
import { RouteSocket, type Link, type NetnsRef } from '@calico-node/netlink';
import type { HostEndpoint } from '@calico-node/model';
import { hostEndpointOf, memberOfHostEndpoint, type Attachment, type PolicyEndpoint } from '@calico-node/policy';
import type { LocalWorkloadEndpoint } from '../calc/intents.ts';
import type { FlowEnd } from './explain-flow.ts';

/** This node, as far as a packet's way through it goes. */
export interface OwnNode {
  readonly hostname: NodeName;
  /** Starts of the names of workloads' interfaces. */
  readonly interfacePrefixes: readonly string[];
  readonly endpoints: () => Iterable<LocalWorkloadEndpoint>;
  readonly netns?: NetnsRef;
}

/** Where a packet comes into this node, or leaves it. */
export interface OwnEnd {
  readonly attachment: Attachment;
  /** Absent for the host itself, and where the kernel has no way. */
  readonly link?: Link;
}

/** Finds where a flow's ends are, seen from this node, by the kernel's routes. Close it. */
export class OwnPaths implements Disposable {
  readonly #node: OwnNode;
  readonly #hostEndpoints: readonly HostEndpoint[];
  readonly #route: RouteSocket;

  constructor(node: OwnNode, hostEndpoints: readonly HostEndpoint[]) {
    this.#node = node;
    this.#hostEndpoints = hostEndpoints.filter(({ spec }) => spec.node === node.hostname);
    this.#route = RouteSocket.open(node.netns === undefined ? {} : { netns: node.netns });
  }

  /** The host endpoint `*`, if the node has one. */
  get wildcard(): PolicyEndpoint | undefined {
    const found = hostEndpointOf(this.#hostEndpoints, { name: '*', addresses: [] });
    return found === undefined ? undefined : asPolicyEndpoint(found);
  }

  endOf({ attachment }: FlowEnd, ip: IpAddress): OwnEnd {
    const owner = [...this.#node.endpoints()].find(({ addresses }) => addresses.includes(hostCidr(ip)));
    if (owner !== undefined && attachment.type === 'workload') {
      const link = this.#route.getLink(owner.interfaceName);
      return { attachment, ...(link === undefined ? {} : { link }) };
    }
    const route = this.#route.lookupRoute(ip);
    if (route?.type === 'local') return { attachment: { type: 'host' } };
    const index = route?.interfaceIndex ?? route?.multipath?.[0]?.interfaceIndex;
    const link = index === undefined ? undefined : this.#route.getLink(index);
    if (link === undefined) return { attachment: { type: 'host-interface', interfaceName: 'nowhere' } };
    const interfaceName = link.name;
    if (this.#node.interfacePrefixes.some((prefix) => interfaceName.startsWith(prefix))) {
      return { attachment: { type: 'unknown-workload', interfaceName }, link };
    }
    const addresses = this.#route.listAddresses({ interfaceIndex: link.index }).map((each) => each.ip);
    const covering = hostEndpointOf(this.#hostEndpoints, { name: interfaceName, addresses });
    const isNamed = covering !== undefined && covering.spec.interfaceName !== '*';
    const endpoint = isNamed ? { endpoint: asPolicyEndpoint(covering) } : {};
    return { attachment: { type: 'host-interface', interfaceName, ...endpoint }, link };
  }

  [Symbol.dispose](): void {
    this.#route.close();
  }
}

function asPolicyEndpoint(resource: HostEndpoint): PolicyEndpoint {
  const { labels, profiles } = memberOfHostEndpoint(resource);
  return { kind: 'host', name: resource.metadata.name, labels, profiles };
}
