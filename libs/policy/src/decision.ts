import type { Direction, Stage } from './endpoint.ts';

/** A resource with rules, at the revision that decided. */
export interface RuleOwner {
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  /** Absent for what is not stored, such as the built-in profile. */
  readonly revision?: string;
}

/** The resource as its decisions name it. */
export function ownerOf({
  kind,
  metadata: { name, namespace, resourceVersion },
}: {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string | undefined;
    readonly resourceVersion?: string | undefined;
  };
}): RuleOwner {
  return {
    kind,
    ...(namespace === undefined ? {} : { namespace }),
    name,
    ...(resourceVersion === undefined ? {} : { revision: resourceVersion }),
  };
}

/** A rule that matched. */
export interface RuleHit {
  readonly owner: RuleOwner;
  /** Position in the resource's `ingress` or `egress` list, from 0. */
  readonly ruleIndex: number;
  readonly action: 'Allow' | 'Deny' | 'Log' | 'Pass';
}

/** One tier's say, of those that have policies for the endpoint, the direction and the stage. */
export interface TierDecision {
  readonly tier: string;
  /** In the order in which they were asked. */
  readonly policies: readonly RuleOwner[];
  /** The tier's default action, or nothing where it has none: untracked and pre-DNAT. */
  readonly defaultAction: 'Deny' | 'Pass' | undefined;
  /** The rule that ended the tier; absent when it came to the default action. */
  readonly hit?: RuleHit;
  /** Log rules that matched before. */
  readonly logs: readonly RuleHit[];
  readonly outcome: 'Allow' | 'Deny' | 'Pass';
}

/** What a staged policy would have said; it is not enforced. */
export interface StagedDecision {
  readonly tier: string;
  readonly owner: RuleOwner;
  /** The rule that would have decided; absent when none matched. */
  readonly hit?: RuleHit;
}

/** Why it ended as it did. */
export type Reason =
  | { readonly type: 'rule'; readonly tier?: string; readonly hit: RuleHit }
  | { readonly type: 'tier-default'; readonly tier: string }
  | { readonly type: 'no-profile-matched' }
  | { readonly type: 'missing-profile'; readonly profile: string }
  /** No policy of this stage decided; the packet goes on. */
  | { readonly type: 'no-policy' }
  | { readonly type: 'failsafe' }
  | { readonly type: 'encapsulation' }
  /** Nobody has translated a service's address. */
  | { readonly type: 'service-loop' }
  | { readonly type: 'unknown-workload' }
  | { readonly type: 'forged-source' }
  | { readonly type: 'endpoint-to-host'; readonly action: 'DROP' | 'RETURN' | 'ACCEPT' }
  | { readonly type: 'essential-icmpv6' };

/** One stop on the packet's way. */
export interface Decision {
  /** Name of the endpoint, or of the interface where there is none. */
  readonly endpoint: string;
  readonly direction: Direction;
  readonly stage: Stage;
  /** `continue`: nothing was decided here, which leaves the packet its way. */
  readonly verdict: 'allow' | 'deny' | 'continue';
  readonly reason: Reason;
  readonly tiers: readonly TierDecision[];
  readonly staged: readonly StagedDecision[];
}
