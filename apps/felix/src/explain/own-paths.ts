import { hostCidr, type IpAddress, type NodeName } from '@calico-node/net';
import { RouteSocket, type Link, type NetnsRef } from '@calico-node/netlink';
import type { HostEndpoint } from '@calico-node/model';
import {
  hostEndpointOf,
  isWildcard,
  policyEndpointOf,
  type Attachment,
  type FlowEnd,
  type PolicyEndpoint,
} from '@calico-node/policy';
import type { LocalWorkloadEndpoint } from '../calc/intents.ts';
import type { OwnAddresses } from './flow-ends.ts';

/** This node, as far as a packet's way through it goes. */
export interface OwnNode {
  readonly hostname: NodeName;
  /** Starts of the names of workloads' interfaces. */
  readonly interfacePrefixes: readonly string[];
  readonly endpoints: () => Iterable<LocalWorkloadEndpoint>;
  /** Whether Felix translates floating addresses (FloatingIPs). */
  readonly floatingIps: boolean;
  readonly netns?: NetnsRef;
}

/** Where a packet comes into this node, or leaves it. */
export interface OwnEnd {
  readonly attachment: Attachment;
  /** Absent for the host itself, and where the kernel has no way. */
  readonly link?: Link;
}

/** Finds where a flow's ends are, seen from this node, by the kernel's routes. Close it. */
export class OwnPaths implements OwnAddresses, Disposable {
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
    return found === undefined ? undefined : policyEndpointOf(found);
  }

  get hostname(): NodeName {
    return this.#node.hostname;
  }

  readonly isLocal = (ip: IpAddress): boolean => this.#route.lookupRoute(ip)?.type === 'local';

  readonly floatingTarget = (ip: IpAddress): IpAddress | undefined => {
    if (!this.#node.floatingIps) return undefined;
    for (const { nats } of this.#node.endpoints()) {
      const nat = nats.find(({ external }) => external === ip);
      if (nat !== undefined) return nat.internal;
    }
    return undefined;
  };

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
    const covering = this.#coveringOf(interfaceName, link.index);
    const endpoint = covering === undefined ? {} : { endpoint: policyEndpointOf(covering) };
    return { attachment: { type: 'host-interface', interfaceName, ...endpoint }, link };
  }

  /** The host endpoints that have chains for the interfaces, and the one that has chains for all others. */
  *coveringOf(links: Iterable<Link>): Generator<{ readonly interfaceName: string; readonly name: string }> {
    for (const { name: interfaceName, index } of links) {
      const covering = this.#coveringOf(interfaceName, index);
      if (covering !== undefined) yield { interfaceName, name: covering.metadata.name };
    }
    const { wildcard } = this;
    if (wildcard !== undefined) yield { interfaceName: '*', name: wildcard.name };
  }

  /** The host's interfaces that an endpoint of this node covers now. */
  interfacesOf(endpoint: string): readonly string[] {
    const isWorkloads = (name: string): boolean =>
      this.#node.interfacePrefixes.some((prefix) => name.startsWith(prefix));
    return this.#route
      .listLinks()
      .filter(({ name, index }) => {
        const covering = isWorkloads(name)
          ? undefined
          : (this.#coveringOf(name, index)?.metadata.name ?? this.wildcard?.name);
        return covering === endpoint;
      })
      .map(({ name }) => name);
  }

  #coveringOf(name: string, interfaceIndex: number): HostEndpoint | undefined {
    const addresses = this.#route.listAddresses({ interfaceIndex }).map((each) => each.ip);
    const covering = hostEndpointOf(this.#hostEndpoints, { name, addresses });
    return covering === undefined || isWildcard(covering) ? undefined : covering;
  }

  [Symbol.dispose](): void {
    this.#route.close();
  }
}
