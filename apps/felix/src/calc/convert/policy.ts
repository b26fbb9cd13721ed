import { DEFAULT_TIER, type GlobalNetworkPolicy, type NetworkPolicy } from '@calico-node/model';
import type { Selector } from '@calico-node/selector';
import type { IpSetDefinition } from '../ip-set-definition.ts';
import type { PolicyStage } from '../intents.ts';
import type { ParsedRule } from '../parsed-rule.ts';
import { policyIdOf, type PolicyId, type PolicyName } from '../policy-id.ts';
import { parseRules } from './rule.ts';
import type { SelectorCache } from './selectors.ts';

/** A policy in the calculation graph. */
export interface PolicyModel {
  readonly id: PolicyId;
  readonly policy: PolicyName;
  readonly tier: string;
  /** Infinity when it has none: last in its tier. */
  readonly order: number;
  readonly selector: Selector;
  /** The directions that it speaks of; in those, what it does not decide falls to the tier. */
  readonly isIngress: boolean;
  readonly isEgress: boolean;
  /** Other stages than `normal` are for host endpoints only. */
  readonly stage: PolicyStage;
  /** Host endpoints ask it of packets that the host only passes on, too. */
  readonly appliesOnForward: boolean;
  /** Programmed even where no local endpoint needs it (performance hint AssumeNeededOnEveryNode). */
  readonly isAlwaysActive: boolean;
  readonly ingress: readonly ParsedRule[];
  readonly egress: readonly ParsedRule[];
  readonly sets: readonly IpSetDefinition[];
}

/** The name as in the store's key, which is unique; throws what `parseRules` throws. */
export function convertNetworkPolicy(
  resource: NetworkPolicy,
  namespace: string,
  name: string,
  selectors: SelectorCache,
): PolicyModel {
  const selector = selectors.networkPolicySelector(resource.spec, namespace);
  return build({ kind: 'NetworkPolicy', namespace, name }, resource.spec, selector, selectors);
}

/** As `convertNetworkPolicy`. */
export function convertGlobalNetworkPolicy(
  resource: GlobalNetworkPolicy,
  name: string,
  selectors: SelectorCache,
): PolicyModel {
  const { spec } = resource;
  const model = build({ kind: 'GlobalNetworkPolicy', name }, spec, selectors.globalPolicySelector(spec), selectors);
  const stage = spec.doNotTrack === true ? 'untracked' : spec.preDNAT === true ? 'pre-dnat' : 'normal';
  return { ...model, stage, appliesOnForward: spec.applyOnForward === true };
}

function build(
  policy: PolicyName,
  spec: NetworkPolicy['spec'],
  selector: Selector,
  selectors: SelectorCache,
): PolicyModel {
  const ingress = parseRules(spec.ingress, policy.namespace, selectors);
  const egress = parseRules(spec.egress, policy.namespace, selectors);
  // Untyped policies, which only old releases stored, speak of both directions.
  const types = spec.types?.length ? spec.types : ['Ingress', 'Egress'];
  return {
    id: policyIdOf(policy),
    policy,
    tier: spec.tier === undefined || spec.tier === '' ? DEFAULT_TIER : spec.tier,
    order: spec.order ?? Infinity,
    selector,
    isIngress: types.includes('Ingress'),
    isEgress: types.includes('Egress'),
    stage: 'normal',
    appliesOnForward: false,
    isAlwaysActive: spec.performanceHints?.includes('AssumeNeededOnEveryNode') ?? false,
    ingress: ingress.rules,
    egress: egress.rules,
    sets: [...ingress.sets, ...egress.sets],
  };
}
