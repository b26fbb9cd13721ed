import {
  decodeResource,
  type GlobalNetworkPolicy,
  type HostEndpoint,
  type Kind,
  type NetworkPolicy,
  type Profile,
  type Tier,
} from '@calico-node/model';
import { kubernetesPolicyOf, type Policy } from '@calico-node/policy';

/** What is enforced. */
export type RuledResource = GlobalNetworkPolicy | NetworkPolicy | Profile;

const ruleKinds: readonly Kind[] = [
  'GlobalNetworkPolicy',
  'HostEndpoint',
  'NetworkPolicy',
  'Profile',
  'StagedGlobalNetworkPolicy',
  'StagedKubernetesNetworkPolicy',
  'StagedNetworkPolicy',
  'Tier',
];

/**
 * The stored text of everything that has rules or orders them, and of host endpoints, kept for explanations: what the graph made of it
 * no longer knows resources and revisions.
 */
export class RuleTexts {
  readonly #texts = new Map<string, { readonly kind: Kind; readonly value: string; readonly revision: bigint }>();

  /** The key's new text; kinds without rules are ignored. */
  set(key: string, kind: Kind, value: string | undefined, revision: bigint): void {
    if (!ruleKinds.includes(kind)) return;
    if (value === undefined) this.#texts.delete(key);
    else this.#texts.set(key, { kind, value, revision });
  }

  /** The key's resource, decoded anew; host endpoints and tiers have no rules. */
  get(key: string): RuledResource | undefined {
    const text = this.#texts.get(key);
    if (text === undefined) return undefined;
    const resource = decodeResource(text.kind, text.value, text.revision);
    return resource.kind === 'GlobalNetworkPolicy' || resource.kind === 'NetworkPolicy' || resource.kind === 'Profile'
      ? resource
      : undefined;
  }

  /** Decodes all of it: work in proportion to the number of policies. */
  decode(): {
    readonly tiers: readonly Tier[];
    readonly policies: readonly Policy[];
    readonly profiles: readonly Profile[];
    readonly hostEndpoints: readonly HostEndpoint[];
  } {
    const tiers: Tier[] = [];
    const policies: Policy[] = [];
    const profiles: Profile[] = [];
    const hostEndpoints: HostEndpoint[] = [];
    for (const { kind, value, revision } of this.#texts.values()) {
      const resource = decodeResource(kind, value, revision);
      if (resource.kind === 'Tier') tiers.push(resource);
      else if (resource.kind === 'Profile') profiles.push(resource);
      else if (resource.kind === 'HostEndpoint') hostEndpoints.push(resource);
      else if (resource.kind === 'StagedKubernetesNetworkPolicy') policies.push(kubernetesPolicyOf(resource));
      else if (
        resource.kind === 'GlobalNetworkPolicy' ||
        resource.kind === 'NetworkPolicy' ||
        resource.kind === 'StagedGlobalNetworkPolicy' ||
        resource.kind === 'StagedNetworkPolicy'
      )
        policies.push(resource);
    }
    return { tiers, policies, profiles, hostEndpoints };
  }
}
