import { Announcer } from './announcer.ts';
import type { PolicyModel } from './convert/policy.ts';
import type { HostEndpointId, WorkloadEndpointId } from './endpoint-id.ts';
import type { PolicyRemove, PolicyUpdate } from './intents.ts';
import type { IpSetIndex } from './ip-set-index.ts';
import { LabelIndex } from './label-index.ts';
import type { LabelMap } from './label-matcher.ts';
import type { PolicyId } from './policy-id.ts';

/** Told of endpoints that other policies apply to than before, or in another order. */
export interface PolicyListener {
  workloadPoliciesChanged(endpoint: WorkloadEndpointId): void;
  hostPoliciesChanged(endpoint: HostEndpointId): void;
}

/** An active policy as it was last announced. */
interface Retained {
  readonly policy: PolicyModel;
  readonly isForHosts: boolean;
}

/**
 * All policies, and which of them apply to which local endpoint. A policy is active, and its IP sets
 * are wanted, as long as it selects at least one. Workload endpoints have nothing to do with policies
 * of other stages than `normal`.
 */
export class ActivePolicies {
  readonly #policies = new Map<PolicyId, PolicyModel>();
  /** The form of each active policy whose IP sets are retained. */
  readonly #retained = new Map<PolicyId, Retained>();
  readonly #unsettled = new Set<PolicyId>();
  readonly #changed = new Announcer<PolicyId>();
  readonly #ipSets: IpSetIndex;
  readonly #listener: PolicyListener;
  readonly #workloads: LabelIndex<PolicyId, WorkloadEndpointId>;
  readonly #hosts: LabelIndex<PolicyId, HostEndpointId>;

  constructor(ipSets: IpSetIndex, listener: PolicyListener) {
    this.#ipSets = ipSets;
    this.#listener = listener;
    const workload = (policy: PolicyId, endpoint: WorkloadEndpointId): void => {
      this.#unsettled.add(policy);
      listener.workloadPoliciesChanged(endpoint);
    };
    const host = (policy: PolicyId, endpoint: HostEndpointId): void => {
      this.#unsettled.add(policy);
      listener.hostPoliciesChanged(endpoint);
    };
    this.#workloads = new LabelIndex({ matchStarted: workload, matchStopped: workload });
    this.#hosts = new LabelIndex({ matchStarted: host, matchStopped: host });
  }

  get count(): number {
    return this.#policies.size;
  }

  /** How many apply to a local endpoint, or have to be there all the same. */
  get activeCount(): number {
    return this.#retained.size;
  }

  setPolicy(policy: PolicyModel): void {
    const { id } = policy;
    const old = this.#policies.get(id);
    this.#policies.set(id, policy);
    this.#unsettled.add(id);
    if (old !== undefined && !hasSamePlace(old, policy)) {
      for (const endpoint of this.#workloads.itemsOf(id)) this.#listener.workloadPoliciesChanged(endpoint);
      for (const endpoint of this.#hosts.itemsOf(id)) this.#listener.hostPoliciesChanged(endpoint);
    }
    this.#hosts.setSelector(id, policy.selector);
    if (policy.stage === 'normal') this.#workloads.setSelector(id, policy.selector);
    else this.#workloads.deleteSelector(id);
  }

  deletePolicy(id: PolicyId): void {
    if (!this.#policies.delete(id)) return;
    this.#unsettled.add(id);
    this.#workloads.deleteSelector(id);
    this.#hosts.deleteSelector(id);
  }

  setWorkload(id: WorkloadEndpointId, labels: LabelMap, profiles: readonly string[]): void {
    this.#workloads.setItem(id, labels, profiles);
  }

  deleteWorkload(id: WorkloadEndpointId): void {
    this.#workloads.deleteItem(id);
  }

  setHost(id: HostEndpointId, labels: LabelMap, profiles: readonly string[]): void {
    this.#hosts.setItem(id, labels, profiles);
  }

  deleteHost(id: HostEndpointId): void {
    this.#hosts.deleteItem(id);
  }

  setProfileLabels(profile: string, labels: LabelMap): void {
    this.#workloads.setProfile(profile, labels);
    this.#hosts.setProfile(profile, labels);
  }

  /** The policies that apply to the workload endpoint, in no order. */
  policiesOfWorkload(id: WorkloadEndpointId): readonly PolicyModel[] {
    return this.#modelsOf(this.#workloads.selectorsOf(id));
  }

  /** The policies of all stages that apply to the host endpoint, in no order. */
  policiesOfHost(id: HostEndpointId): readonly PolicyModel[] {
    return this.#modelsOf(this.#hosts.selectorsOf(id));
  }

  /** Retains and releases IP sets for what has become active or inactive. */
  settle(): void {
    for (const id of this.#unsettled) {
      const policy = this.#policies.get(id);
      const isForHosts = this.#hosts.isMatched(id);
      const isActive = isForHosts || this.#workloads.isMatched(id);
      const wanted = policy !== undefined && (policy.isAlwaysActive || isActive) ? policy : undefined;
      const retained = this.#retained.get(id);
      if (wanted === retained?.policy && isForHosts === (retained?.isForHosts ?? false)) continue;
      for (const set of wanted?.sets ?? []) this.#ipSets.retain(set);
      for (const set of retained?.policy.sets ?? []) this.#ipSets.release(set);
      if (wanted === undefined) this.#retained.delete(id);
      else this.#retained.set(id, { policy: wanted, isForHosts });
      this.#changed.touch(id);
    }
    this.#unsettled.clear();
  }

  /** What changed since the last call; after `settle`. */
  takeChanges(): { readonly updates: readonly PolicyUpdate[]; readonly removals: readonly PolicyRemove[] } {
    return this.#changed.take<PolicyUpdate, PolicyRemove>(
      (id) => {
        const retained = this.#retained.get(id);
        return retained === undefined ? 'gone' : updateOf(retained);
      },
      (id) => ({ type: 'policy-remove', id }),
    );
  }

  #modelsOf(ids: Iterable<PolicyId>): readonly PolicyModel[] {
    return [...ids].flatMap((id) => this.#policies.get(id) ?? []);
  }
}

/** Whether the policy stands where it stood in its endpoints' tiers, and in the same company. */
function hasSamePlace(a: PolicyModel, b: PolicyModel): boolean {
  return (
    a.tier === b.tier &&
    a.order === b.order &&
    a.isIngress === b.isIngress &&
    a.isEgress === b.isEgress &&
    a.stage === b.stage &&
    a.appliesOnForward === b.appliesOnForward &&
    a.selector.canonical === b.selector.canonical
  );
}

function updateOf({ policy: model, isForHosts }: Retained): PolicyUpdate {
  const { id, policy, tier, stage, ingress, egress } = model;
  return { type: 'policy-update', id, policy, tier, stage, isForHosts, ingress, egress };
}
