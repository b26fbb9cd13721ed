import { DEFAULT_ALLOW_PROFILE, type Rule } from '@calico-node/model';
import {
  ownerOf,
  type Decision,
  type Reason,
  type RuleHit,
  type RuleOwner,
  type StagedDecision,
  type TierDecision,
} from './decision.ts';
import type { Direction, PolicyEndpoint, Stage } from './endpoint.ts';
import { effectiveLabels } from './inherited-labels.ts';
import type { PolicyPacket } from './packet.ts';
import { ruleMatches, type RuleContext } from './rule-match.ts';
import { Selection } from './selection.ts';
import { arrangeTiers } from './tiers.ts';
import { isNamespaced, type Policy, type PolicyWorld } from './world.ts';

/** What is asked of one endpoint. */
export interface Question {
  readonly endpoint: PolicyEndpoint;
  readonly direction: Direction;
  readonly stage: Stage;
  readonly packet: PolicyPacket;
}

/**
 * What one endpoint's policy says of a new connection: tier by tier, then profile by profile.
 *
 * Throws SelectorError or NetParseError where a stored resource holds what is neither; Felix takes no
 * such resource into account, and neither should `world`.
 */
export function decideEndpoint(world: PolicyWorld, question: Question, selection = new Selection()): Decision {
  const { endpoint, direction, stage, packet } = question;
  const labels = effectiveLabels(world, endpoint);
  const applying = [...world.policies].filter(
    (policy) =>
      isForStage(policy, endpoint, stage) && speaksOf(policy, direction) && selection.policyApplies(policy, labels),
  );
  const staged = applying
    .filter(isStaged)
    .flatMap((policy) => stagedDecision(policy, direction, packet, { world, selection, namespace: undefined }));
  const tiers: TierDecision[] = [];
  const conclude = (verdict: Decision['verdict'], reason: Reason): Decision => ({
    endpoint: endpoint.name,
    direction,
    stage,
    verdict,
    reason,
    tiers,
    staged,
  });

  const mayDefault = stage === 'normal' || stage === 'forward';
  for (const { name, defaultAction, policies } of arrangeTiers(
    world,
    applying.filter((policy) => !isStaged(policy)),
  )) {
    const asked: RuleOwner[] = [];
    const logs: RuleHit[] = [];
    let hit: RuleHit | undefined;
    for (const policy of policies) {
      const owner = ownerOf(policy);
      asked.push(owner);
      hit = firstHit(owner, policy.spec[direction], packet, contextOf(policy, world, selection), logs);
      if (hit !== undefined) break;
    }
    const fallback = mayDefault ? defaultAction : undefined;
    const outcome = hit === undefined || hit.action === 'Log' ? (fallback ?? 'Pass') : hit.action;
    tiers.push({
      tier: name,
      policies: asked,
      defaultAction: fallback,
      ...(hit === undefined ? {} : { hit }),
      logs,
      outcome,
    });
    if (outcome === 'Pass') continue;
    const verdict = outcome === 'Allow' ? 'allow' : 'deny';
    return conclude(
      verdict,
      hit === undefined ? { type: 'tier-default', tier: name } : { type: 'rule', tier: name, hit },
    );
  }
  if (stage !== 'normal') return conclude('continue', { type: 'no-policy' });
  const { verdict, reason } = decideByProfiles(world, question, selection);
  return conclude(verdict, reason);
}

/** The rules of the profiles, in order; what none of them allows is denied, and so is what names a missing one. */
function decideByProfiles(
  world: PolicyWorld,
  { endpoint, direction, packet }: Question,
  selection: Selection,
): { readonly verdict: 'allow' | 'deny'; readonly reason: Reason } {
  for (const name of endpoint.profiles) {
    const profile =
      world.profile(name) ?? (name === DEFAULT_ALLOW_PROFILE.metadata.name ? DEFAULT_ALLOW_PROFILE : undefined);
    if (profile === undefined) return { verdict: 'deny', reason: { type: 'missing-profile', profile: name } };
    const context = { world, selection, namespace: undefined };
    const hit = firstHit(ownerOf(profile), profile.spec[direction], packet, context, []);
    if (hit?.action === 'Allow' || hit?.action === 'Deny') {
      return { verdict: hit.action === 'Allow' ? 'allow' : 'deny', reason: { type: 'rule', hit } };
    }
  }
  return { verdict: 'deny', reason: { type: 'no-profile-matched' } };
}

/** The first rule that decides or passes; log rules that match on the way there are added to `logs`. */
function firstHit(
  owner: RuleOwner,
  rules: readonly Rule[] | undefined,
  packet: PolicyPacket,
  context: RuleContext,
  logs: RuleHit[],
): RuleHit | undefined {
  for (const [ruleIndex, rule] of (rules ?? []).entries()) {
    if (!ruleMatches(rule, packet, context)) continue;
    const hit = { owner, ruleIndex, action: rule.action };
    if (rule.action !== 'Log') return hit;
    logs.push(hit);
  }
  return undefined;
}

/** Whether it is told of, and not enforced. */
export function isStaged({ kind }: Policy): boolean {
  return kind !== 'NetworkPolicy' && kind !== 'GlobalNetworkPolicy';
}

/** When host endpoints ask the policy. */
export function stageOf({ spec }: Policy): Exclude<Stage, 'forward'> {
  if ('doNotTrack' in spec && spec.doNotTrack === true) return 'untracked';
  return 'preDNAT' in spec && spec.preDNAT === true ? 'pre-dnat' : 'normal';
}

/** Workload endpoints have no doNotTrack and preDNAT policies; host endpoints have them apart from the others. */
function isForStage(policy: Policy, endpoint: PolicyEndpoint, stage: Stage): boolean {
  const own = stageOf(policy);
  if (endpoint.kind === 'workload') return own === 'normal';
  if (stage !== 'forward') return own === stage;
  return own === 'normal' && 'applyOnForward' in policy.spec && policy.spec.applyOnForward === true;
}

/** A policy without types, which only old releases stored, speaks of both directions. */
export function speaksOf({ spec }: Policy, direction: Direction): boolean {
  const { types = [] } = spec;
  return types.length === 0 || types.includes(direction === 'ingress' ? 'Ingress' : 'Egress');
}

function stagedDecision(
  policy: Policy,
  direction: Direction,
  packet: PolicyPacket,
  context: RuleContext,
): readonly StagedDecision[] {
  if ('stagedAction' in policy.spec && policy.spec.stagedAction !== undefined && policy.spec.stagedAction !== 'Set')
    return [];
  const owner = ownerOf(policy);
  const { world, selection } = context;
  const hit = firstHit(owner, policy.spec[direction], packet, contextOf(policy, world, selection), []);
  return [{ tier: policy.spec.tier ?? 'default', owner, ...(hit === undefined ? {} : { hit }) }];
}

function contextOf(policy: Policy, world: PolicyWorld, selection: Selection): RuleContext {
  return { world, selection, namespace: isNamespaced(policy) ? policy.metadata.namespace : undefined };
}
