import type { felixV1 } from '@calico-node/rpc';

/** What reasons without a rule mean; a reason that a newer Felix knows stands for itself. */
const reasons: Readonly<Record<string, string>> = {
  'no-profile-matched': 'no profile allows it',
  'missing-profile': 'one of its profiles does not exist',
  encapsulation: 'a workload may not send tunnel packets',
  'no-policy': 'no policy decides',
  failsafe: 'a failsafe port, which policy cannot close',
  'service-loop': "a service's address that nobody has translated, which would go round in circles",
  'unknown-workload': 'no endpoint has the interface',
  'forged-source': 'the source is no address of the workload',
  'endpoint-to-host': 'what workloads send to their host (DefaultEndpointToHostAction)',
  'essential-icmpv6': 'neighbour discovery, which no policy is asked about',
};

const stages: Readonly<Record<string, string>> = {
  untracked: ', untracked policy',
  'pre-dnat': ', pre-DNAT policy',
  forward: ', policy of forwarded traffic',
};

/** A host endpoint's stage without any policy, as most are. */
export function isSilent({ reason, tiers, staged }: felixV1.ExplainStep): boolean {
  return reason === 'no-policy' && tiers.length === 0 && staged.length === 0;
}

/** What an end is. */
export function endText({ type, name, node }: felixV1.ExplainedEnd): string {
  switch (type) {
    case 'workload':
      return `workload endpoint ${name} on ${node}`;
    case 'host':
      return `node ${node}${name === '' ? ', which has no host endpoint' : `, host endpoint ${name}`}`;
    default:
      return 'outside: no endpoint and no node has the address';
  }
}

/** One endpoint's say in one direction, tier by tier. */
export function describeStep({
  endpoint,
  direction,
  stage,
  verdict,
  reason,
  detail,
  rule,
  tiers,
  staged,
}: felixV1.ExplainStep): string[] {
  const last = tiers.at(-1);
  const isDecidedByTier = last !== undefined && last.outcome !== 'Pass';
  return [
    `${headOf(reason, direction)} ${endpoint}${stages[stage] ?? ''}: ${verdict.toUpperCase()}`,
    ...tiers.flatMap(describeTier),
    ...(isDecidedByTier
      ? []
      : rule === undefined
        ? [`  ${reasonText(reason, detail)}`]
        : [`  ${describeRule(rule, direction)}`]),
    ...staged.map(
      ({ policy, tier, rule: hit }) =>
        `  staged, tier ${tier}: ${hit === undefined ? `${policy}: no rule matches` : describeRule(hit, direction)}`,
    ),
  ];

  function describeTier(tier: felixV1.ExplainTier): string[] {
    const asked = tier.rule === undefined ? tier.policies : tier.policies.slice(0, -1);
    return [
      `  tier ${tier.name}: ${tier.outcome}`,
      ...asked.map((policy) => `    ${policy}: no rule matches`),
      ...tier.logs.map((log) => `    ${describeRule(log, direction)}, and on`),
      ...(tier.rule === undefined ? endOf(tier) : [`    ${describeRule(tier.rule, direction)}`]),
    ];
  }
}

/** Untracked and pre-DNAT policy goes on where none of it decides. */
function endOf({ defaultAction }: felixV1.ExplainTier): string[] {
  return defaultAction === '' ? [] : [`    end of tier: ${defaultAction}`];
}

function headOf(reason: string, direction: string): string {
  if (reason === 'endpoint-to-host') return 'To its host from';
  return direction === 'egress' ? 'Egress of' : 'Ingress of';
}

function reasonText(reason: string, detail: string): string {
  const text = reasons[reason] ?? reason;
  return detail === '' ? text : `${text}: ${detail}`;
}

/** Rules are counted from 0, as in error messages' paths. */
function describeRule(
  { kind, namespace, name, revision, index, action }: felixV1.ExplainRule,
  direction: string,
): string {
  const owner = `${kind} ${namespace === '' ? '' : `${namespace}/`}${name}`;
  return `${owner}, ${direction}[${index}]: ${action} (${revision === '' ? 'built in' : `revision ${revision}`})`;
}
