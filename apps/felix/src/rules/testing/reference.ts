/** What `libs/policy` says of packets through a node, in terms of the interpreter's packets. */
import type { HostEndpoint, Resource, WorkloadEndpoint } from '@calico-node/model';
import {
  decidePacket,
  hostEndpointOf,
  memberOfHostEndpoint,
  memberOfWorkloadEndpoint,
  worldOf,
  type Attachment,
  type HostInterface,
  type PacketDecision,
  type PolicyEndpoint,
  type SentTo,
  type ServiceEndpoint,
} from '@calico-node/policy';
import { nodePolicyOf } from '../../rule-options.ts';
import type { Packet } from '../interpret.ts';
import { defaultRuleOptions, type RuleOptions } from '../options.ts';

/** How a store's resources decide packets that pass `node1`, which has the interfaces. */
export class Reference {
  readonly #world;
  readonly #local = new Map<string, WorkloadEndpoint>();
  readonly #hostEndpoints: HostEndpoint[] = [];
  readonly #interfaces: readonly HostInterface[];

  /** `served`: who serves each service, `<namespace>/<name>`. */
  constructor(
    resources: readonly Resource[],
    interfaces: readonly HostInterface[] = [],
    served: ReadonlyMap<string, readonly ServiceEndpoint[]> = new Map(),
  ) {
    this.#world = {
      ...worldOf(resources),
      serviceEndpoints: (namespace: string, name: string) => served.get(`${namespace}/${name}`) ?? [],
    };
    this.#interfaces = interfaces;
    for (const resource of resources) {
      if (resource.kind === 'WorkloadEndpoint' && resource.spec.node === 'node1' && resource.spec.ipNetworks?.length) {
        this.#local.set(resource.spec.interfaceName ?? '', resource);
      }
      if (resource.kind === 'HostEndpoint' && resource.spec.node === 'node1') this.#hostEndpoints.push(resource);
    }
  }

  /** `sentTo`: where the packet was sent to, where the node has translated that. */
  decide(packet: Packet, options: RuleOptions = defaultRuleOptions, sentTo?: SentTo): PacketDecision {
    const wildcard = this.#hostEndpoint('*');
    const path = {
      from: this.#attachment(packet.inInterface),
      to: this.#attachment(packet.outInterface),
      isForged: packet.reversePathFailed === true,
      ...(wildcard === undefined ? {} : { wildcard }),
      ...(sentTo === undefined ? {} : { sentTo }),
    };
    return decidePacket(this.#world, nodePolicyOf(options), path, packet);
  }

  #attachment(interfaceName: string | undefined): Attachment {
    if (interfaceName === undefined) return { type: 'host' };
    if (!interfaceName.startsWith('cali')) {
      const endpoint = this.#hostEndpoint(interfaceName);
      return { type: 'host-interface', interfaceName, ...(endpoint === undefined ? {} : { endpoint }) };
    }
    const endpoint = this.#local.get(interfaceName);
    if (endpoint === undefined) return { type: 'unknown-workload', interfaceName };
    const { labels, profiles } = memberOfWorkloadEndpoint(endpoint);
    return { type: 'workload', endpoint: { kind: 'workload', name: interfaceName, labels, profiles } };
  }

  /** The endpoint that covers the interface, and no other's. */
  #hostEndpoint(name: string): PolicyEndpoint | undefined {
    const addresses = this.#interfaces.find((each) => each.name === name)?.addresses ?? [];
    const found = hostEndpointOf(this.#hostEndpoints, { name, addresses });
    if (found === undefined || (found.spec.interfaceName === '*') !== (name === '*')) return undefined;
    const { labels, profiles } = memberOfHostEndpoint(found);
    return { kind: 'host', name: found.metadata.name, labels, profiles };
  }
}
