import type { Profile } from '@calico-node/model';
import type {
  Policy,
  PolicyID,
  Profile as ProfileRules,
  ToDataplane,
  WorkloadEndpointUpdate,
} from '@calico-node/rpc/policy-sync';
import type { WorkloadEndpointId } from '../calc/endpoint-id.ts';
import {
  policiesOf,
  type Intent,
  type IpSetDelta,
  type IpSetUpdate,
  type LocalWorkloadEndpoint,
} from '../calc/intents.ts';
import type { PolicyId, PolicyName } from '../calc/policy-id.ts';
import { identityPayload } from './identities.ts';
import type { SyncSet } from './ip-set-messages.ts';
import {
  endpointIdMessage,
  endpointMessage,
  policyIdMessage,
  policyMessage,
  profileMessage,
  setsOfRules,
  type OriginalRules,
} from './messages.ts';

export interface SyncPolicy {
  readonly name: PolicyName;
  readonly message: { readonly id: PolicyID; readonly policy: Policy };
  readonly sets: readonly string[];
}

export interface SyncProfile {
  readonly message: { readonly id: { readonly name: string }; readonly profile: ProfileRules };
  readonly sets: readonly string[];
}

export interface SyncEndpoint {
  readonly message: WorkloadEndpointUpdate;
  readonly policies: readonly PolicyId[];
  readonly profiles: readonly string[];
}

/** The resources that rules were made of, as they are when the rules are taken. */
export interface Originals {
  policy(name: PolicyName): OriginalRules | undefined;
  profile(name: string): OriginalRules | undefined;
}

/** All that proxies on this host may be told. A change of an object is another object; sets have versions. */
export class SyncState {
  readonly policies = new Map<PolicyId, SyncPolicy>();
  readonly profiles = new Map<string, SyncProfile>();
  readonly endpoints = new Map<WorkloadEndpointId, SyncEndpoint>();
  readonly sets = new Map<string, SyncSet>();
  /** What to say of namespaces and service accounts, by their profiles' names. */
  readonly identities = new Map<string, NonNullable<ToDataplane['payload']>>();
  isInSync = false;
  readonly #originals: Originals;
  #version = 0;

  constructor(originals: Originals) {
    this.#originals = originals;
  }

  take(intents: readonly Intent[]): void {
    for (const intent of intents) this.#take(intent);
  }

  /** Takes a profile's new state; whether it is a namespace's or service account's. */
  setProfile(name: string, profile: Profile | undefined): boolean {
    const payload = identityPayload(name, profile);
    if (payload === undefined) return false;
    if (profile === undefined) this.identities.delete(name);
    else this.identities.set(name, payload);
    return true;
  }

  #take(intent: Intent): void {
    switch (intent.type) {
      case 'policy-update': {
        const { policy: name } = intent;
        const policy = policyMessage(intent, this.#originals.policy(name));
        this.policies.set(intent.id, {
          name,
          message: { id: policyIdMessage(name), policy },
          sets: setsOfRules(intent),
        });
        return;
      }
      case 'policy-remove':
        this.policies.delete(intent.id);
        return;
      case 'profile-update': {
        const { name } = intent;
        const profile = profileMessage(intent, this.#originals.profile(name));
        this.profiles.set(name, { message: { id: { name }, profile }, sets: setsOfRules(intent) });
        return;
      }
      case 'profile-remove':
        this.profiles.delete(intent.name);
        return;
      case 'workload-endpoint-update':
        this.endpoints.set(intent.id, this.#endpoint(intent.endpoint));
        return;
      case 'workload-endpoint-remove':
        this.endpoints.delete(intent.id);
        return;
      case 'ip-set-update':
        this.#setMembers(intent);
        return;
      case 'ip-set-delta':
        this.#changeMembers(intent);
        return;
      case 'ip-set-remove':
        this.sets.delete(intent.id);
        return;
      case 'in-sync':
        this.isInSync = true;
        return;
      default:
        return;
    }
  }

  #endpoint(endpoint: LocalWorkloadEndpoint): SyncEndpoint {
    const { identity, tiers, profiles } = endpoint;
    const policies = new Set(tiers.flatMap(({ ingress, egress }) => [...policiesOf(ingress), ...policiesOf(egress)]));
    return {
      message: {
        id: endpointIdMessage(identity),
        endpoint: endpointMessage(endpoint, (id) => this.policies.get(id)?.name),
      },
      policies: [...policies],
      profiles,
    };
  }

  #setMembers({ id, kind, members }: IpSetUpdate): void {
    const lastChange = { from: NaN, added: [], removed: [] };
    this.sets.set(id, { id, kind, members: new Set<string>(members), version: ++this.#version, lastChange });
  }

  #changeMembers({ id, added, removed }: IpSetDelta): void {
    const set = this.sets.get(id);
    if (set === undefined) return;
    for (const member of added) set.members.add(member);
    for (const member of removed) set.members.delete(member);
    set.lastChange = { from: set.version, added, removed };
    set.version = ++this.#version;
  }
}
