import { Announcer } from './announcer.ts';
import type { ProfileModel } from './convert/profile.ts';
import type { EndpointId } from './endpoint-id.ts';
import type { ProfileRemove, ProfileUpdate } from './intents.ts';
import type { IpSetIndex } from './ip-set-index.ts';
import { Multimap } from './label-table.ts';
import { anyEntity, type ParsedRule } from './parsed-rule.ts';

const denyAll: readonly ParsedRule[] = [{ action: 'deny', source: anyEntity, destination: anyEntity }];

/** An active profile as it was last announced; the profile is undefined while it is missing. */
interface Retained {
  readonly profile: ProfileModel | undefined;
  readonly isForHosts: boolean;
}

/**
 * All profiles, and which are in use by local endpoints. A profile that an endpoint names and nobody has
 * defined denies everything, as in Felix, until it is defined.
 */
export class ActiveProfiles {
  readonly #profiles = new Map<string, ProfileModel>();
  readonly #users = new Multimap<string, EndpointId>();
  readonly #hostUsers = new Multimap<string, EndpointId>();
  readonly #profilesOf = new Map<EndpointId, readonly string[]>();
  /** The form of each active profile whose IP sets are retained. */
  readonly #retained = new Map<string, Retained>();
  readonly #unsettled = new Set<string>();
  readonly #changed = new Announcer<string>();
  readonly #ipSets: IpSetIndex;

  constructor(ipSets: IpSetIndex) {
    this.#ipSets = ipSets;
  }

  get count(): number {
    return this.#profiles.size;
  }

  setProfile(profile: ProfileModel): void {
    this.#profiles.set(profile.name, profile);
    this.#unsettled.add(profile.name);
  }

  deleteProfile(name: string): void {
    if (this.#profiles.delete(name)) this.#unsettled.add(name);
  }

  /** Says which profiles the endpoint uses; none when it is gone. */
  setUses(endpoint: EndpointId, profiles: readonly string[], kind: 'workload' | 'host' = 'workload'): void {
    for (const name of this.#profilesOf.get(endpoint) ?? []) {
      this.#users.delete(name, endpoint);
      this.#hostUsers.delete(name, endpoint);
      this.#unsettled.add(name);
    }
    for (const name of profiles) {
      this.#users.add(name, endpoint);
      if (kind === 'host') this.#hostUsers.add(name, endpoint);
      this.#unsettled.add(name);
    }
    if (profiles.length === 0) this.#profilesOf.delete(endpoint);
    else this.#profilesOf.set(endpoint, profiles);
  }

  /** Retains and releases IP sets for what has come into use or gone out of it; returns the names newly found missing. */
  settle(): readonly string[] {
    const missing: string[] = [];
    for (const name of this.#unsettled) {
      const isUsed = this.#users.get(name).size > 0;
      const isForHosts = this.#hostUsers.get(name).size > 0;
      const wanted = isUsed ? this.#profiles.get(name) : undefined;
      const retained = this.#retained.get(name);
      const isSameForm = isUsed === (retained !== undefined) && wanted === retained?.profile;
      if (isSameForm && isForHosts === (retained?.isForHosts ?? false)) continue;
      for (const set of wanted?.sets ?? []) this.#ipSets.retain(set);
      for (const set of retained?.profile?.sets ?? []) this.#ipSets.release(set);
      if (isUsed) this.#retained.set(name, { profile: wanted, isForHosts });
      else this.#retained.delete(name);
      if (isUsed && wanted === undefined && !isSameForm) missing.push(name);
      this.#changed.touch(name);
    }
    this.#unsettled.clear();
    return missing;
  }

  /** What changed since the last call; after `settle`. */
  takeChanges(): { readonly updates: readonly ProfileUpdate[]; readonly removals: readonly ProfileRemove[] } {
    return this.#changed.take<ProfileUpdate, ProfileRemove>(
      (name) => {
        const retained = this.#retained.get(name);
        if (retained === undefined) return 'gone';
        const { profile: { ingress, egress } = { ingress: denyAll, egress: denyAll }, isForHosts } = retained;
        return { type: 'profile-update', name, isForHosts, ingress, egress };
      },
      (name) => ({ type: 'profile-remove', name }),
    );
  }
}
