import { Announcer } from './announcer.ts';
import type { PolicyModel } from './convert/policy.ts';
import type { WorkloadEndpointId } from './endpoint-id.ts';
import type { PolicyRemove, PolicyUpdate } from './intents.ts';
import type { IpSetIndex } from './ip-set-index.ts';
import { LabelIndex, type LabelMap } from './label-index.ts';
import type { PolicyId } from './policy-id.ts';

/**
 * All policies, and which of them apply to which local endpoint. A policy is active, and its IP sets
 * are wanted, as long as it selects at least one.
 */
export class ActivePolicies {
  readonly #policies = new Map<PolicyId, PolicyModel>();
  /** The form of each active policy whose IP sets are retained. */
  readonly #retained = new Map<PolicyId, PolicyModel>();
  readonly #unsettled = new Set<PolicyId>();
  readonly #changed = new Announcer<PolicyId>();
  readonly #ipSets: IpSetIndex;
  readonly #onPoliciesChanged: (endpoint: WorkloadEndpointId) => void;
  readonly #index: LabelIndex<PolicyId, WorkloadEndpointId>;

  /** `onPoliciesChanged` hears of endpoints that other policies apply to than before, or in another order. */
  constructor(ipSets: IpSetIndex, onPoliciesChanged: (endpoint: WorkloadEndpointId) => void) {
    this.#ipSets = ipSets;
    const touch = (policy: PolicyId, endpoint: WorkloadEndpointId): void => {
      this.#unsettled.add(policy);
      onPoliciesChanged(endpoint);
    };
    this.#index = new LabelIndex({ matchStarted: touch, matchStopped: touch });
    this.#onPoliciesChanged = onPoliciesChanged;
  }

  setPolicy(policy: PolicyModel): void {
    const { id } = policy;
    const old = this.#policies.get(id);
    this.#policies.set(id, policy);
    this.#unsettled.add(id);
    if (old !== undefined && !hasSamePlace(old, policy))
      for (const endpoint of this.#index.itemsOf(id)) this.#onPoliciesChanged(endpoint);
    if (policy.isForWorkloads) this.#index.setSelector(id, policy.selector);
    else this.#index.deleteSelector(id);
  }

  deletePolicy(id: PolicyId): void {
    if (!this.#policies.delete(id)) return;
    this.#unsettled.add(id);
    this.#index.deleteSelector(id);
  }

  setEndpoint(id: WorkloadEndpointId, labels: LabelMap, profiles: readonly string[]): void {
    this.#index.setItem(id, labels, profiles);
  }

  deleteEndpoint(id: WorkloadEndpointId): void {
    this.#index.deleteItem(id);
  }

  setProfileLabels(profile: string, labels: LabelMap): void {
    this.#index.setParent(profile, labels);
  }

  /** The policies that apply to the endpoint, in no order. */
  policiesOf(id: WorkloadEndpointId): readonly PolicyModel[] {
    return [...this.#index.selectorsOf(id)].flatMap((policyId) => this.#policies.get(policyId) ?? []);
  }

  /** Whether the endpoint's policies include one of the tier. */
  isInTier(id: WorkloadEndpointId, tier: string): boolean {
    return this.policiesOf(id).some((policy) => policy.tier === tier);
  }

  /** Retains and releases IP sets for what has become active or inactive. */
  settle(): void {
    for (const id of this.#unsettled) {
      const policy = this.#policies.get(id);
      const wanted =
        policy !== undefined && (policy.isAlwaysActive || this.#index.itemsOf(id).size > 0) ? policy : undefined;
      const retained = this.#retained.get(id);
      if (wanted === retained) continue;
      for (const set of wanted?.sets ?? []) this.#ipSets.retain(set);
      for (const set of retained?.sets ?? []) this.#ipSets.release(set);
      if (wanted === undefined) this.#retained.delete(id);
      else this.#retained.set(id, wanted);
      this.#changed.touch(id);
    }
    this.#unsettled.clear();
  }

  /** What changed since the last call; after `settle`. */
  takeChanges(): { readonly updates: readonly PolicyUpdate[]; readonly removals: readonly PolicyRemove[] } {
    return this.#changed.take<PolicyUpdate, PolicyRemove>(
      (id) => {
        const policy = this.#retained.get(id);
        return policy === undefined ? 'gone' : updateOf(policy);
      },
      (id) => ({ type: 'policy-remove', id }),
    );
  }
}

/** Whether the policy stands where it stood in its endpoints' tiers. */
function hasSamePlace(a: PolicyModel, b: PolicyModel): boolean {
  return a.tier === b.tier && a.order === b.order && a.isIngress === b.isIngress && a.isEgress === b.isEgress;
}

function updateOf({ id, policy, tier, ingress, egress }: PolicyModel): PolicyUpdate {
  return { type: 'policy-update', id, policy, tier, ingress, egress };
}
