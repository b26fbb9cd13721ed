import { DEFAULT_TIER_ORDER, RESERVED_TIERS, type Tier } from '@calico-node/model';
import type { PolicyModel } from './convert/policy.ts';
import type { PolicyId } from './policy-id.ts';
import type { EndpointTier, PolicyGroup } from './intents.ts';

export interface TierModel {
  readonly name: string;
  readonly order: number;
  readonly defaultAction: 'Deny' | 'Pass';
}

export function convertTier({ spec }: Tier, name: string): TierModel {
  return {
    name,
    order: spec.order ?? DEFAULT_TIER_ORDER,
    defaultAction: spec.defaultAction === 'Pass' ? 'Pass' : 'Deny',
  };
}

/** The order in which policy is applied. */
export class Tiers {
  readonly #tiers = new Map<string, TierModel>();

  get count(): number {
    return this.#tiers.size;
  }

  set(tier: TierModel): void {
    this.#tiers.set(tier.name, tier);
  }

  delete(name: string): void {
    this.#tiers.delete(name);
  }

  /**
   * An endpoint's policies by tier, tiers by order and name, policies by order and then by
   * `name/namespace/kind` (`felix/calc/policy_sorter.go`).
   */
  arrange(policies: readonly PolicyModel[]): readonly EndpointTier[] {
    const byTier = Map.groupBy(policies, (policy) => policy.tier);
    return [...byTier]
      .map(([name, members]) => ({ tier: this.#tier(name), members }))
      .sort((a, b) => compareByOrder(a.tier, b.tier) || compareText(a.tier.name, b.tier.name))
      .map(({ tier, members }) => {
        const sorted = members.sort((a, b) => compareByOrder(a, b) || compareText(sortKey(a), sortKey(b)));
        return {
          name: tier.name,
          defaultAction: tier.defaultAction,
          ingress: groupsOf(sorted.filter(({ isIngress }) => isIngress)),
          egress: groupsOf(sorted.filter(({ isEgress }) => isEgress)),
        };
      });
  }

  /**
   * A tier that the store does not have. The store's clients refuse to delete a tier with policies, so
   * this is a store not yet initialized, or damaged. Felix ignores such policies; here they apply, as the
   * reserved tier of that name is, or else last and with default action Deny: closed rather than open.
   */
  #tier(name: string): TierModel {
    const reserved = Object.hasOwn(RESERVED_TIERS, name) ? RESERVED_TIERS[name] : undefined;
    return this.#tiers.get(name) ?? { name, order: Infinity, defaultAction: 'Deny', ...reserved };
  }
}

/** Joins neighbours with the same selector, as Felix does, so that endpoints can share them. */
function groupsOf(policies: readonly PolicyModel[]): readonly PolicyGroup[] {
  const groups: { readonly selector: string; readonly policies: PolicyId[] }[] = [];
  for (const { id, selector } of policies) {
    const last = groups.at(-1);
    if (last?.selector === selector.canonical) last.policies.push(id);
    else groups.push({ selector: selector.canonical, policies: [id] });
  }
  return groups;
}

function compareByOrder(a: { readonly order: number }, b: { readonly order: number }): number {
  return a.order === b.order ? 0 : a.order < b.order ? -1 : 1;
}

function sortKey({ policy: { kind, namespace = '', name } }: PolicyModel): string {
  return `${name}/${namespace}/${kind}`;
}

function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
