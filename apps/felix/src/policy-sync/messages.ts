import { familyOf, type Family } from '@calico-node/net';
import type { Rule } from '@calico-node/model';
import {
  Policy,
  type Profile,
  WorkloadEndpoint,
  type PolicyID,
  type WorkloadEndpointID,
} from '@calico-node/rpc/policy-sync';
import type { WorkloadEndpointIdentity } from '../calc/endpoint-id.ts';
import { policiesOf, type LocalWorkloadEndpoint, type PolicyUpdate, type ProfileUpdate } from '../calc/intents.ts';
import type { ParsedRule } from '../calc/parsed-rule.ts';
import type { PolicyId, PolicyName } from '../calc/policy-id.ts';
import { ruleMessage, setsOf } from './rule-message.ts';

/** What the store has of a policy or profile. */
export interface OriginalRules {
  readonly selector?: string | undefined;
  readonly ingress?: readonly Rule[] | undefined;
  readonly egress?: readonly Rule[] | undefined;
}

/** The sets that rules name, each once. */
export function setsOfRules({ ingress, egress }: Pick<PolicyUpdate, 'ingress' | 'egress'>): readonly string[] {
  return [
    ...new Set(
      [...ingress, ...egress].flatMap(({ source, destination }) => [...setsOf(source), ...setsOf(destination)]),
    ),
  ];
}

export function policyIdMessage({ kind, namespace = '', name }: PolicyName): PolicyID {
  return { kind, namespace, name };
}

export function policyMessage(update: PolicyUpdate, original: OriginalRules = {}): Policy {
  const { namespace } = update.policy;
  return Policy.fromPartial({
    namespace: namespace ?? '',
    inboundRules: ruleMessages(update.ingress, original.ingress, namespace),
    outboundRules: ruleMessages(update.egress, original.egress, namespace),
    untracked: update.stage === 'untracked',
    preDnat: update.stage === 'pre-dnat',
    originalSelector: original.selector ?? '',
  });
}

export function profileMessage(update: ProfileUpdate, original: OriginalRules = {}): Profile {
  return {
    inboundRules: ruleMessages(update.ingress, original.ingress, undefined),
    outboundRules: ruleMessages(update.egress, original.egress, undefined),
  };
}

export function endpointIdMessage({
  orchestratorId,
  workloadId,
  endpointId,
}: WorkloadEndpointIdentity): WorkloadEndpointID {
  return { orchestratorId, workloadId, endpointId };
}

/** `nameOf` knows each policy that the endpoint has. */
export function endpointMessage(
  endpoint: LocalWorkloadEndpoint,
  nameOf: (id: PolicyId) => PolicyName | undefined,
): WorkloadEndpoint {
  const policyIds = (ids: readonly PolicyId[]): PolicyID[] =>
    ids.flatMap((id) => {
      const name = nameOf(id);
      return name === undefined ? [] : [policyIdMessage(name)];
    });
  const nets = (family: Family) => endpoint.addresses.filter((cidr) => familyOf(cidr) === family);
  const nats = (family: Family) =>
    endpoint.nats
      .filter(({ external }) => familyOf(external) === family)
      .map(({ external, internal }) => ({ extIp: external, intIp: internal }));
  return WorkloadEndpoint.fromPartial({
    state: endpoint.adminUp ? 'active' : 'inactive',
    name: endpoint.interfaceName,
    mac: endpoint.mac ?? '',
    profileIds: [...endpoint.profiles],
    ipv4Nets: nets(4),
    ipv6Nets: nets(6),
    tiers: endpoint.tiers.map(({ name, defaultAction, ingress, egress }) => ({
      name,
      defaultAction,
      ingressPolicies: policyIds(policiesOf(ingress)),
      egressPolicies: policyIds(policiesOf(egress)),
    })),
    ipv4Nat: nats(4),
    ipv6Nat: nats(6),
    allowSpoofedSourcePrefixes: [...endpoint.allowedSourcePrefixes],
  });
}

function ruleMessages(
  rules: readonly ParsedRule[],
  originals: readonly Rule[] | undefined,
  namespace: string | undefined,
) {
  return rules.map((rule, index) => ruleMessage(rule, originals?.[index], namespace));
}
