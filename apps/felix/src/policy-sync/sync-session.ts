import type { ToDataplane } from '@calico-node/rpc/policy-sync';
import type { WorkloadEndpointId } from '../calc/endpoint-id.ts';
import type { PolicyId } from '../calc/policy-id.ts';
import { identityPayload } from './identities.ts';
import { setPayloads } from './ip-set-messages.ts';
import type { SyncEndpoint, SyncPolicy, SyncProfile, SyncState } from './sync-state.ts';

type Payload = NonNullable<ToDataplane['payload']>;

/**
 * What one proxy knows. It is told of its own endpoint alone, with the policies and profiles that it has and the IP sets
 * that those ask for, and of all namespaces and service accounts. What changed while it did not listen it is told at once:
 * nothing waits for it but the state itself.
 */
export class SyncSession {
  readonly #state: SyncState;
  readonly #id: WorkloadEndpointId;
  readonly #sets = new Map<string, number>();
  readonly #policies = new Map<PolicyId, SyncPolicy>();
  readonly #profiles = new Map<string, SyncProfile>();
  /** Namespaces and service accounts, by their profiles. */
  readonly #identities = new Set<string>();
  readonly #changed: Set<string>;
  #endpoint: SyncEndpoint | undefined;
  #isInSync = false;
  #isOver = false;

  constructor(state: SyncState, id: WorkloadEndpointId) {
    this.#state = state;
    this.#id = id;
    this.#changed = new Set(state.identities.keys());
  }

  /** The endpoint has gone, and the proxy knows. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** A namespace or service account has changed. */
  touch(profile: string): void {
    this.#changed.add(profile);
  }

  /** What brings the proxy up to date, in the order to tell it: what is referred to comes first and goes last. */
  *payloads(): Iterable<Payload> {
    yield* this.#endpointPayloads();
    yield* this.#identityPayloads();
    if (this.#isInSync || !this.#state.isInSync) return;
    this.#isInSync = true;
    yield { $case: 'inSync', value: {} };
  }

  *#endpointPayloads(): Iterable<Payload> {
    const endpoint = this.#state.endpoints.get(this.#id);
    if (endpoint === undefined) {
      if (this.#endpoint === undefined) return;
      this.#isOver = true;
      yield { $case: 'workloadEndpointRemove', value: { id: this.#endpoint.message.id } };
      return;
    }
    const policies = entriesOf(this.#state.policies, endpoint.policies);
    const profiles = entriesOf(this.#state.profiles, endpoint.profiles);
    const wantedSets = [...policies.values(), ...profiles.values()].flatMap(({ sets }) => sets);
    const sets = entriesOf(this.#state.sets, wantedSets);
    for (const [id, set] of sets) {
      yield* setPayloads(set, this.#sets.get(id));
      this.#sets.set(id, set.version);
    }
    for (const [id, policy] of policies) {
      if (this.#policies.get(id) === policy) continue;
      this.#policies.set(id, policy);
      yield { $case: 'activePolicyUpdate', value: policy.message };
    }
    for (const [name, profile] of profiles) {
      if (this.#profiles.get(name) === profile) continue;
      this.#profiles.set(name, profile);
      yield { $case: 'activeProfileUpdate', value: profile.message };
    }
    if (this.#endpoint !== endpoint) {
      this.#endpoint = endpoint;
      yield { $case: 'workloadEndpointUpdate', value: endpoint.message };
    }
    for (const { message } of takeUnwanted(this.#policies, policies).values())
      yield { $case: 'activePolicyRemove', value: { id: message.id } };
    for (const name of takeUnwanted(this.#profiles, profiles).keys())
      yield { $case: 'activeProfileRemove', value: { id: { name } } };
    for (const id of takeUnwanted(this.#sets, sets).keys()) yield { $case: 'ipsetRemove', value: { id } };
  }

  *#identityPayloads(): Iterable<Payload> {
    for (const profile of this.#changed) {
      const update = this.#state.identities.get(profile);
      if (update !== undefined) {
        this.#identities.add(profile);
        yield update;
        continue;
      }
      const removal = this.#identities.delete(profile) ? identityPayload(profile, undefined) : undefined;
      if (removal !== undefined) yield removal;
    }
    this.#changed.clear();
  }
}

/** The entries of the keys that there are, each once. */
function entriesOf<K, V>(map: ReadonlyMap<K, V>, keys: Iterable<K>): Map<K, V> {
  const found = new Map<K, V>();
  for (const key of keys) {
    const value = map.get(key);
    if (value !== undefined) found.set(key, value);
  }
  return found;
}

/** Deletes what is not wanted, and gives it. */
function takeUnwanted<K, V>(known: Map<K, V>, wanted: ReadonlyMap<K, unknown>): ReadonlyMap<K, V> {
  const unwanted = new Map([...known].filter(([key]) => !wanted.has(key)));
  for (const key of unwanted.keys()) known.delete(key);
  return unwanted;
}
