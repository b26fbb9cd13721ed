/** A rule that a packet met, or the default action of a tier. */
export interface Hit {
  readonly kind: HitKind;
  /** '' where it has none. */
  readonly namespace: string;
  /** '' of a tier's default action. */
  readonly name: string;
  readonly tier: string;
  readonly action: HitAction;
  /** -1 where no rule decided. */
  readonly ruleIndex: number;
}

export type HitAction = 'Allow' | 'Deny' | 'Pass';

export type HitKind =
  | 'NetworkPolicy'
  | 'GlobalNetworkPolicy'
  | 'StagedNetworkPolicy'
  | 'StagedGlobalNetworkPolicy'
  | 'StagedKubernetesNetworkPolicy'
  | 'KubernetesNetworkPolicy'
  | 'Profile'
  | 'EndOfTier';

/** Where a trace has what profiles say; the name of no tier. */
export const profileTier = '__PROFILE__';

const kubernetesPrefix = 'knp.default.';

/** Kubernetes' own policies stand in the store as NetworkPolicies of reserved names. */
export function policyHit(
  kind: Exclude<HitKind, 'Profile' | 'EndOfTier' | 'KubernetesNetworkPolicy'>,
  { namespace = '', name }: { readonly namespace?: string; readonly name: string },
  tier: string,
  action: HitAction,
  ruleIndex: number,
): Hit {
  if (kind !== 'NetworkPolicy' || !name.startsWith(kubernetesPrefix))
    return { kind, namespace, name, tier, action, ruleIndex };
  const own = name.slice(kubernetesPrefix.length);
  return { kind: 'KubernetesNetworkPolicy', namespace, name: own, tier, action, ruleIndex };
}

export function profileHit(name: string, action: HitAction, ruleIndex: number): Hit {
  return { kind: 'Profile', namespace: '', name, tier: profileTier, action, ruleIndex };
}

/** No profile has allowed it: the name is Calico's. */
export const noProfileHit: Hit = profileHit('__NO_MATCH__', 'Deny', -1);

export function tierEndHit(tier: string, action: 'Deny' | 'Pass'): Hit {
  return { kind: 'EndOfTier', namespace: '', name: '', tier, action, ruleIndex: -1 };
}

export function isSameHit(a: Hit, b: Hit): boolean {
  return (
    a.kind === b.kind &&
    a.namespace === b.namespace &&
    a.name === b.name &&
    a.tier === b.tier &&
    a.action === b.action &&
    a.ruleIndex === b.ruleIndex
  );
}
