export type { PolicyPacket } from './packet.ts';
export type { Member, MemberPort, Policy, PolicyWorld, ServiceEndpoint, StagedKubernetesPolicy } from './world.ts';
export { policiesOfEndpoint, type AppliedPolicy, type AppliedTier } from './endpoint-policies.ts';
export { enforceStaged } from './enforce-staged.ts';
export { kubernetesPolicyOf } from './kubernetes-policy.ts';
export type { Direction, PolicyEndpoint, Stage } from './endpoint.ts';
export type { Decision, Reason, RuleHit, RuleOwner, StagedDecision, TierDecision } from './decision.ts';
export { decideEndpoint, type Question } from './endpoint-decision.ts';
export {
  decidePacket,
  type Attachment,
  type NodePolicy,
  type PacketDecision,
  type PacketPath,
  type SentTo,
} from './decide-packet.ts';
export { decideFlow, outside, type FlowAttachment, type FlowEnd } from './flow-decision.ts';
export { flowNodeOf, isWildcard, policyEndpointOf, type FlowNode } from './flow-node.ts';
export { isFailsafe, isUntrackedFailsafe, type FailsafePort, type Failsafes } from './failsafe.ts';
export { hostEndpointOf, type HostInterface } from './host-endpoints.ts';
export { memberOfHostEndpoint, memberOfNetworkSet, memberOfWorkloadEndpoint } from './members.ts';
export { worldOf } from './resource-world.ts';
export { defaultNodePolicy } from './default-node-policy.ts';
export type { ImpactVerdict } from './impact/side-decision.ts';
export { ImpactAnalysis, type FlowImpact, type Impact } from './impact/impact.ts';
export type { ImpactGroup, VerdictChange } from './impact/groups.ts';
