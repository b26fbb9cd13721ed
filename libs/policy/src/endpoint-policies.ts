import { ownerOf, type RuleOwner } from './decision.ts';
import { isStaged, speaksOf, stageOf } from './endpoint-decision.ts';
import type { Direction, PolicyEndpoint, Stage } from './endpoint.ts';
import { effectiveLabels } from './inherited-labels.ts';
import { Selection } from './selection.ts';
import { arrangeTiers } from './tiers.ts';
import type { PolicyWorld } from './world.ts';

/** A policy that applies to an endpoint. */
export interface AppliedPolicy {
  readonly owner: RuleOwner;
  readonly directions: readonly Direction[];
  /** When a host endpoint asks it. */
  readonly stage: Exclude<Stage, 'forward'>;
  /** A host endpoint asks it of what its host only passes on, too. */
  readonly isOnForward: boolean;
  /** It is not enforced. */
  readonly isStaged: boolean;
}

export interface AppliedTier {
  readonly name: string;
  readonly defaultAction: 'Deny' | 'Pass';
  /** In the order in which they are asked. */
  readonly policies: readonly AppliedPolicy[];
}

/** The tiers that have policy for the endpoint, in their order. Throws as `decideEndpoint`. */
export function policiesOfEndpoint(world: PolicyWorld, endpoint: PolicyEndpoint): readonly AppliedTier[] {
  const selection = new Selection();
  const labels = effectiveLabels(world, endpoint);
  const applying = [...world.policies].filter(
    (policy) => selection.policyApplies(policy, labels) && (endpoint.kind === 'host' || stageOf(policy) === 'normal'),
  );
  return arrangeTiers(world, applying).map(({ name, defaultAction, policies }) => ({
    name,
    defaultAction,
    policies: policies.map((policy) => ({
      owner: ownerOf(policy),
      directions: (['ingress', 'egress'] as const).filter((direction) => speaksOf(policy, direction)),
      stage: stageOf(policy),
      isOnForward: 'applyOnForward' in policy.spec && policy.spec.applyOnForward === true,
      isStaged: isStaged(policy),
    })),
  }));
}
