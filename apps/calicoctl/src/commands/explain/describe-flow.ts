import { PROTOCOL_NUMBERS } from '@calico-node/model';
import type { felixV1 } from '@calico-node/rpc';

/** What reasons without a rule mean; a reason that a newer Felix knows stands for itself. */
const reasons: Readonly<Record<string, string>> = {
  'no-profile-matched': 'no profile allows it',
  'missing-profile': 'one of its profiles does not exist',
  encapsulation: 'a workload may not send tunnel packets',
  'no-policy': 'no policy decides',
  'unknown-workload': 'no endpoint has the interface',
  'endpoint-to-host': 'what workloads send to their host (DefaultEndpointToHostAction)',
};

/** The answer for a reader: verdict, then each endpoint's say, tier by tier. */
export function describeFlow(request: felixV1.ExplainFlowRequest, answer: felixV1.ExplainFlowResponse): string {
  const { allowed, source, destination, steps, revision, stagedVerdict } = answer;
  const lines = [
    `Flow:     ${source} -> ${destination}, ${describeHeader(request)}`,
    `Verdict:  ${allowed ? 'ALLOW' : 'DENY'} (policy as of store revision ${revision})`,
    ...(stagedVerdict === '' ? [] : [`Staged:   ${stagedVerdict.toUpperCase()}, if all staged policies were enforced`]),
    ...steps.flatMap((step) => ['', ...describeStep(step)]),
    ...(steps.length === 0 ? ['', 'Neither end is a workload endpoint: policy has no say.'] : []),
  ];
  return `${lines.join('\n')}\n`;
}

function describeHeader({
  protocol,
  sourcePort,
  destinationPort,
  icmpType,
  icmpCode,
}: felixV1.ExplainFlowRequest): string {
  const name =
    Object.entries(PROTOCOL_NUMBERS).find(([, number]) => number === protocol)?.[0] ?? `protocol ${protocol}`;
  if (protocol === 1 || protocol === 58) return `${name} type ${icmpType} code ${icmpCode}`;
  if (destinationPort === 0) return name;
  return `${name} port ${destinationPort}${sourcePort === 0 ? '' : ` from port ${sourcePort}`}`;
}

/** One endpoint's say in one direction, tier by tier. */
export function describeStep({
  endpoint,
  direction,
  verdict,
  reason,
  rule,
  tiers,
  staged,
}: felixV1.ExplainStep): string[] {
  const last = tiers.at(-1);
  const isDecidedByTier = last !== undefined && last.outcome !== 'Pass';
  return [
    `${direction === 'egress' ? 'Egress of' : 'Ingress of'} ${endpoint}: ${verdict.toUpperCase()}`,
    ...tiers.flatMap(describeTier),
    ...(isDecidedByTier
      ? []
      : rule === undefined
        ? [`  ${reasons[reason] ?? reason}`]
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
      `    ${tier.rule === undefined ? `end of tier: ${tier.defaultAction}` : describeRule(tier.rule, direction)}`,
    ];
  }
}

/** Rules are counted from 0, as in error messages' paths. */
function describeRule(
  { kind, namespace, name, revision, index, action }: felixV1.ExplainRule,
  direction: string,
): string {
  const owner = `${kind} ${namespace === '' ? '' : `${namespace}/`}${name}`;
  return `${owner}, ${direction}[${index}]: ${action} (${revision === '' ? 'built in' : `revision ${revision}`})`;
}
