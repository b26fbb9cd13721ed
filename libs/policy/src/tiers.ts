import { DEFAULT_TIER, DEFAULT_TIER_ORDER, RESERVED_TIERS } from '@calico-node/model';
import type { Policy, PolicyWorld } from './world.ts';

/** A tier with those of its policies that were asked for, both in the order in which they apply. */
export interface TierOfPolicies {
  readonly name: string;
  readonly defaultAction: 'Deny' | 'Pass';
  readonly policies: readonly Policy[];
}

/**
 * Sorts policies into tiers: tiers by order and name, policies by order, then `name/namespace/kind`. A
 * tier that is not stored is what its reserved name says, or else last, with default action Deny.
 */
export function arrangeTiers(world: PolicyWorld, policies: readonly Policy[]): readonly TierOfPolicies[] {
  const stored = new Map([...world.tiers].map((tier) => [tier.metadata.name, tier.spec]));
  const byTier = Map.groupBy(policies, ({ spec }) =>
    spec.tier === undefined || spec.tier === '' ? DEFAULT_TIER : spec.tier,
  );
  return [...byTier]
    .map(([name, members]) => {
      const spec = stored.get(name);
      const reserved = Object.hasOwn(RESERVED_TIERS, name) ? RESERVED_TIERS[name] : undefined;
      const order = spec === undefined ? (reserved?.order ?? Infinity) : (spec.order ?? DEFAULT_TIER_ORDER);
      const defaultAction = spec === undefined ? reserved?.defaultAction : spec.defaultAction;
      return {
        name,
        order,
        defaultAction: defaultAction === 'Pass' ? ('Pass' as const) : ('Deny' as const),
        policies: [...members].sort((a, b) => compare(orderOf(a), orderOf(b)) || compare(sortKey(a), sortKey(b))),
      };
    })
    .sort((a, b) => compare(a.order, b.order) || compare(a.name, b.name));
}

const orderOf = ({ spec }: Policy): number => spec.order ?? Infinity;

const sortKey = ({ kind, metadata: { name, namespace = '' } }: Policy): string => `${name}/${namespace}/${kind}`;

function compare<T extends number | string>(a: T, b: T): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
