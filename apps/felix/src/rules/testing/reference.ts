/** What `libs/policy` says of packets through a node, in terms of the interpreter's packets. */
import type { Resource, WorkloadEndpoint } from '@calico-node/model';
import {
  decidePacket,
  memberOfWorkloadEndpoint,
  worldOf,
  type Attachment,
  type PacketDecision,
} from '@calico-node/policy';
import { nodePolicyOf } from '../../rule-options.ts';
import type { Packet } from '../interpret.ts';
import { defaultRuleOptions, type RuleOptions } from '../options.ts';

/** How a store's resources decide packets that pass `node1`. */
export class Reference {
  readonly #world;
  readonly #local = new Map<string, WorkloadEndpoint>();

  constructor(resources: readonly Resource[]) {
    this.#world = worldOf(resources);
    for (const resource of resources) {
      if (resource.kind === 'WorkloadEndpoint' && resource.spec.node === 'node1') {
        this.#local.set(resource.spec.interfaceName ?? '', resource);
      }
    }
  }

  /** `to`: where to, where it is not `packet.outInterface`. */
  decide(packet: Packet, options: RuleOptions = defaultRuleOptions, to?: Attachment): PacketDecision {
    const path = {
      from: this.#attachment(packet.inInterface),
      to: to ?? this.#attachment(packet.outInterface),
      isForged: packet.reversePathFailed === true,
    };
    return decidePacket(this.#world, nodePolicyOf(options), path, packet);
  }

  #attachment(interfaceName = ''): Attachment {
    if (!interfaceName.startsWith('cali')) return { type: 'host-interface', interfaceName };
    const endpoint = this.#local.get(interfaceName);
    if (endpoint === undefined) return { type: 'unknown-workload', interfaceName };
    const { labels, profiles } = memberOfWorkloadEndpoint(endpoint);
    return { type: 'workload', endpoint: { kind: 'workload', name: interfaceName, labels, profiles } };
  }
}
