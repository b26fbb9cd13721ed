import { PROTOCOL_NUMBERS } from '@calico-node/model';
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

/** The answer for a reader: verdict, then each endpoint's say, tier by tier. */
export function describeFlow(request: felixV1.ExplainFlowRequest, answer: felixV1.ExplainFlowResponse): string {
  const { allowed, source, destination, steps, revision, stagedVerdict, sentTo, from, to, toService } = answer;
  const translated = sentTo === '' ? '' : ` (sent to the floating address ${sentTo})`;
  const lines = [
    `Flow:     ${source} -> ${destination}${translated}, ${describeHeader(request, source)}`,
    ...(from === undefined ? [] : [`From:     ${endText(from)}`]),
    ...(to === undefined ? [] : [`To:       ${endText(to)}`]),
    `Verdict:  ${allowed ? 'ALLOW' : 'DENY'} (policy as of store revision ${revision})`,
    ...(stagedVerdict === '' ? [] : [`Staged:   ${stagedVerdict.toUpperCase()}, if all staged policies were enforced`]),
    ...(toService
      ? [
          `Note:     ${destination} is a service's address; --verify shows where this node sends it to, and asks policy of that`,
        ]
      : []),
    ...steps.filter((step) => !isSilent(step)).flatMap((step) => ['', ...describeStep(step)]),
    ...(steps.length === 0
      ? ['', 'No policy has a say: neither end is a workload, nor a host with a host endpoint.']
      : []),
  ];
  return `${lines.join('\n')}\n`;
}

/** A host endpoint's stage without any policy, as most are. */
function isSilent({ reason, tiers, staged }: felixV1.ExplainStep): boolean {
  return reason === 'no-policy' && tiers.length === 0 && staged.length === 0;
}

function endText({ type, name, node }: felixV1.ExplainedEnd): string {
  switch (type) {
    case 'workload':
      return `workload endpoint ${name} on ${node}`;
    case 'host':
      return `node ${node}${name === '' ? ', which has no host endpoint' : `, host endpoint ${name}`}`;
    default:
      return 'outside: no endpoint and no node has the address';
  }
}

function describeHeader(request: felixV1.ExplainFlowRequest, source: string): string {
  const { sourcePort, destinationPort, icmpType, icmpCode } = request;
  // Felix asks by the addresses' own protocol.
  const protocol = request.protocol === 1 && source.includes(':') ? 58 : request.protocol;
  const name =
    Object.entries(PROTOCOL_NUMBERS).find(([, number]) => number === protocol)?.[0] ?? `protocol ${protocol}`;
  if (protocol === 58 && request.protocol === 1) return `${name} echo`;
  if (protocol === 1 || protocol === 58) return `${name} type ${icmpType} code ${icmpCode}`;
  if (destinationPort === 0) return name;
  return `${name} port ${destinationPort}${sourcePort === 0 ? '' : ` from port ${sourcePort}`}`;
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
      `    ${tier.rule === undefined ? `end of tier: ${tier.defaultAction}` : describeRule(tier.rule, direction)}`,
    ];
  }
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
