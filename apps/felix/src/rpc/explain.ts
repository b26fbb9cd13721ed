import { tryParseIp } from '@calico-node/net';
import type { Decision, FlowEnd, NodePolicy, Reason, RuleHit, RuleOwner, SentTo } from '@calico-node/policy';
import { type felixV1, RpcError } from '@calico-node/rpc';
import type { CalcGraph } from '../calc/calc-graph.ts';
import { ExplainError } from '../explain/explain-error.ts';
import { explainFlow, type Explanation, type Flow } from '../explain/explain-flow.ts';
import { OwnPaths, type OwnNode } from '../explain/own-paths.ts';
import type { ServiceAnswer, ServiceQuestion } from './explain-service.ts';

/** Stands for whichever port a client takes. */
const clientPort = 49152;
const withPorts: readonly number[] = [6, 17, 132];

/**
 * Answers ExplainFlow. `env` says where the Kubernetes API is, which is asked of services.
 * @throws RpcError INVALID_ARGUMENT or NOT_FOUND
 */
export async function answerExplainFlow(
  graph: CalcGraph,
  policy: NodePolicy,
  node: OwnNode,
  request: felixV1.ExplainFlowRequest,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<felixV1.ExplainFlowResponse> {
  try {
    using own = new OwnPaths(node, graph.rules().hostEndpoints);
    const explain = (each: Flow): Explanation => explainFlow(graph, policy, own, each);
    const flow = flowOf(request);
    const found = explain(flow);
    const { verdict, steps, packet, sentTo, from, to, isToService, stagedVerdict = '' } = found;
    const { service, serviceUnknown = '' } =
      to.attachment.type === 'outside' ? ((await askService({ flow, found, explain, env, signal })) ?? {}) : {};
    const isAllowed = verdict === 'allow';
    const backends = service?.backends ?? [];
    return {
      allowed: backends.length === 0 ? isAllowed : backends.every(({ allowed }) => allowed),
      source: packet.source,
      destination: packet.destination,
      steps: steps.map(stepToWire),
      revision: graph.revision,
      stagedVerdict,
      sentTo: sentTo?.destination ?? '',
      from: endToWire(from),
      to: endToWire(to),
      toService: isToService,
      service,
      serviceUnknown,
    };
  } catch (error) {
    throw asRpcError(error);
  }
}

/** Rarely asked: not loaded before. */
async function askService(question: ServiceQuestion): Promise<ServiceAnswer | undefined> {
  const { answerService } = await import('./explain-service.ts');
  return answerService(question);
}

export function endToWire({ attachment, node }: FlowEnd): felixV1.ExplainedEnd {
  const name = attachment.type === 'workload' ? attachment.endpoint.name : '';
  const host = attachment.type === 'host' ? (attachment.endpoint ?? node?.wildcard)?.name : undefined;
  return { type: attachment.type, name: host ?? name, node: node?.name ?? '' };
}

const codes = {
  'unknown-endpoint': 'NOT_FOUND',
  'ambiguous-endpoint': 'INVALID_ARGUMENT',
  'no-address': 'INVALID_ARGUMENT',
  'no-common-family': 'INVALID_ARGUMENT',
  elsewhere: 'FAILED_PRECONDITION',
} as const;

/** What a question that has no answer means to who asked; other errors as they are. */
export function asRpcError(error: unknown): unknown {
  return error instanceof ExplainError ? new RpcError(codes[error.code], error.message) : error;
}

/** @throws RpcError INVALID_ARGUMENT */
export function flowOf(request: felixV1.ExplainFlowRequest): Flow {
  const { from, to, protocol, sourcePort, destinationPort, icmpType, icmpCode } = request;
  const sentTo = sentToOf(request);
  if (from === '' || to === '') throw new RpcError('INVALID_ARGUMENT', `${from === '' ? 'from' : 'to'} is missing`);
  if (protocol < 1 || protocol > 255) throw new RpcError('INVALID_ARGUMENT', 'protocol must be from 1 to 255');
  if (sourcePort > 65535 || destinationPort > 65535)
    throw new RpcError('INVALID_ARGUMENT', 'a port is from 0 to 65535');
  if (withPorts.includes(protocol)) {
    const header = { protocol, sourcePort: sourcePort === 0 ? clientPort : sourcePort, destinationPort };
    return { from, to, header, ...(sentTo && { sentTo: { ...sentTo, destinationPort } }) };
  }
  const isIcmp = protocol === 1 || protocol === 58;
  return { from, to, header: isIcmp ? { protocol, icmpType, icmpCode } : { protocol }, ...(sentTo && { sentTo }) };
}

function sentToOf({ sentTo }: felixV1.ExplainFlowRequest): SentTo | undefined {
  if (sentTo === '') return undefined;
  const destination = tryParseIp(sentTo);
  if (destination === undefined) throw new RpcError('INVALID_ARGUMENT', `sent_to: "${sentTo}" is no address`);
  return { destination };
}

/** A reason's own words, beside its type. */
function detailOf(reason: Reason): string {
  switch (reason.type) {
    case 'missing-profile':
      return reason.profile;
    case 'endpoint-to-host':
      return reason.action;
    case 'tier-default':
      return reason.tier;
    default:
      return '';
  }
}

export function stepToWire({
  endpoint,
  direction,
  stage,
  verdict,
  reason,
  tiers,
  staged,
}: Decision): felixV1.ExplainStep {
  return {
    endpoint,
    direction,
    verdict,
    reason: reason.type,
    detail: detailOf(reason),
    stage,
    rule: reason.type === 'rule' ? ruleToWire(reason.hit) : undefined,
    tiers: tiers.map((tier) => ({
      name: tier.tier,
      policies: tier.policies.map(nameOf),
      rule: tier.hit === undefined ? undefined : ruleToWire(tier.hit),
      defaultAction: tier.defaultAction ?? '',
      outcome: tier.outcome,
      logs: tier.logs.map(ruleToWire),
    })),
    staged: staged.map(({ tier, owner, hit }) => ({
      tier,
      policy: nameOf(owner),
      rule: hit === undefined ? undefined : ruleToWire(hit),
    })),
  };
}

function ruleToWire({ owner, ruleIndex, action }: RuleHit): felixV1.ExplainRule {
  const { kind, namespace = '', name, revision = '' } = owner;
  return { kind, namespace, name, revision, index: ruleIndex, action };
}

function nameOf({ kind, namespace, name }: RuleOwner): string {
  return `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
}
