import { splitCidr, type IpAddress } from '@calico-node/net';
import type { WorkloadEndpointId } from '../calc/endpoint-id.ts';
import { policiesOf, type Intent, type LocalWorkloadEndpoint, type PolicyUpdate } from '../calc/intents.ts';
import type { PolicyId } from '../calc/policy-id.ts';
import type { Direction } from '../rules/names.ts';
import type { TierTriggers } from './collector.ts';
import { policyHit, type Hit } from './hit.ts';

/** This host's workloads by their addresses, with the policies that they have. */
export class LocalWorkloads {
  readonly #endpoints = new Map<WorkloadEndpointId, LocalWorkloadEndpoint>();
  readonly #byAddress = new Map<IpAddress, WorkloadEndpointId>();
  readonly #policies = new Map<PolicyId, Pick<PolicyUpdate, 'policy' | 'tier'>>();

  take(intent: Intent): void {
    switch (intent.type) {
      case 'workload-endpoint-update':
        this.#set(intent.id, intent.endpoint);
        return;
      case 'workload-endpoint-remove':
        this.#set(intent.id, undefined);
        return;
      case 'policy-update':
        this.#policies.set(intent.id, { policy: intent.policy, tier: intent.tier });
        return;
      case 'policy-remove':
        this.#policies.delete(intent.id);
        return;
      default:
        return;
    }
  }

  at(ip: IpAddress): TierTriggers | undefined {
    const id = this.#byAddress.get(ip);
    const endpoint = id === undefined ? undefined : this.#endpoints.get(id);
    return endpoint && ((tier, direction) => this.#triggerOf(endpoint, tier, direction));
  }

  #triggerOf({ tiers }: LocalWorkloadEndpoint, tier: string, direction: Direction): Hit | undefined {
    const groups = tiers.find(({ name }) => name === tier)?.[direction] ?? [];
    const [id] = policiesOf(groups);
    const found = id === undefined ? undefined : this.#policies.get(id);
    // Calico leaves the action of what it was triggered by to the default action itself.
    return found && policyHit(found.policy.kind, found.policy, tier, 'Deny', -1);
  }

  #set(id: WorkloadEndpointId, endpoint: LocalWorkloadEndpoint | undefined): void {
    for (const address of this.#endpoints.get(id)?.addresses ?? []) {
      const { ip } = splitCidr(address);
      if (this.#byAddress.get(ip) === id) this.#byAddress.delete(ip);
    }
    if (endpoint === undefined) {
      this.#endpoints.delete(id);
      return;
    }
    this.#endpoints.set(id, endpoint);
    for (const address of endpoint.addresses) this.#byAddress.set(splitCidr(address).ip, id);
  }
}
