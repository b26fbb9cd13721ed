import type { HostEndpoint, Node, Resource } from '@calico-node/model';
import { parseInterfaceAddress, tryParseIp, type IpAddress } from '@calico-node/net';
import { flowNodeOf, type FlowNode } from '../flow-node.ts';

/** The nodes that one world's resources name. */
export class ClusterNodes {
  readonly #hostEndpoints: ReadonlyMap<string, readonly HostEndpoint[]>;
  readonly #nodes: ReadonlyMap<string, Node>;
  readonly #known = new Map<string, FlowNode>();

  constructor(resources: Iterable<Resource>) {
    const hostEndpoints: HostEndpoint[] = [];
    const nodes = new Map<string, Node>();
    for (const resource of resources) {
      if (resource.kind === 'HostEndpoint') hostEndpoints.push(resource);
      else if (resource.kind === 'Node') nodes.set(resource.metadata.name, resource);
    }
    this.#hostEndpoints = Map.groupBy(hostEndpoints, ({ spec }) => spec.node ?? '');
    this.#nodes = nodes;
  }

  /** With the host endpoints that are asked of what passes it. Throws NetParseError. */
  get(name: string): FlowNode {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const node = flowNodeOf(name, this.#hostEndpoints.get(name) ?? [], this.addressesOf(name));
    this.#known.set(name, node);
    return node;
  }

  /** As far as its resource says. */
  addressesOf(name: string): readonly IpAddress[] {
    const { bgp = {}, addresses = [] } = this.#nodes.get(name)?.spec ?? {};
    const texts = [bgp.ipv4Address, bgp.ipv6Address, ...addresses.map(({ address }) => address)];
    return texts.flatMap((text) => (text === undefined ? [] : (addressIn(text) ?? [])));
  }
}

/** With or without a prefix length. */
function addressIn(text: string): IpAddress | undefined {
  return text.includes('/') ? parseInterfaceAddress(text).ip : tryParseIp(text);
}
