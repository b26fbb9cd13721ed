import { randomInt } from 'node:crypto';
import { NetlinkError, SyscallError } from '@calico-node/netlink';
import { NftablesError } from '@calico-node/netlink/nftables';
import type { NodePolicy } from '@calico-node/policy';
import { RpcError, type felixV1 } from '@calico-node/rpc';
import type { ExplainGraph, Flow } from '../explain/explain-flow.ts';
import type { SeenEnds } from '../explain/probe-packet.ts';
import { verifyFlow, type VerifiedRule, type VerifyingNode } from '../explain/verify-flow.ts';
import { asRpcError, flowOf, stepToWire } from './explain.ts';

/** Where client ports begin (RFC 6335 6). */
const DYNAMIC_PORTS = 49152;

/** Answers VerifyFlow, one call at a time. */
export class FlowVerifier {
  readonly #graph: ExplainGraph;
  readonly #policy: NodePolicy;
  readonly #node: VerifyingNode;
  #last: Promise<unknown> = Promise.resolve();

  constructor(graph: ExplainGraph, policy: NodePolicy, node: VerifyingNode) {
    this.#graph = graph;
    this.#policy = policy;
    this.#node = node;
  }

  /** @throws RpcError INVALID_ARGUMENT, NOT_FOUND or FAILED_PRECONDITION */
  answer({ flow }: felixV1.VerifyFlowRequest): Promise<felixV1.VerifyFlowResponse> {
    if (flow === undefined) throw new RpcError('INVALID_ARGUMENT', 'flow is missing');
    const result = this.#last.then(() => this.#verify(flow));
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #verify(request: felixV1.ExplainFlowRequest): Promise<felixV1.VerifyFlowResponse> {
    const { filter } = this.#node;
    const flow = newConnection(flowOf(request), request);
    const found = await verifyFlow(this.#graph, this.#policy, this.#node, flow).catch((error: unknown) => {
      const isKernels =
        error instanceof NetlinkError || error instanceof SyscallError || error instanceof NftablesError;
      if (!isKernels) throw asRpcError(error);
      throw new RpcError('FAILED_PRECONDITION', `the kernel cannot trace a packet here: ${error.message}`);
    });
    const { packet, seen, expected, kernel, half, enteredBy, leavesBy, rules, gap } = found;
    return {
      kernel,
      expected: expected.verdict,
      steps: expected.steps.map(stepToWire),
      half,
      source: packet.source,
      destination: packet.destination,
      sourcePort: packet.sourcePort ?? 0,
      enteredBy,
      leavesBy,
      rules: rules.map(ruleToWire),
      gap,
      ...translation(packet, seen),
      packetFilter: filter.kind === 'nftables' ? 'nftables' : `iptables-${filter.variant}`,
    };
  }
}

/** From a port that hardly any connection has, where the caller names none: an old connection is not asked anew. */
function newConnection(flow: Flow, { sourcePort }: felixV1.ExplainFlowRequest): Flow {
  if (sourcePort !== 0 || flow.header.sourcePort === undefined) return flow;
  return { ...flow, header: { ...flow.header, sourcePort: randomInt(DYNAMIC_PORTS, 65536) } };
}

type Translation = Pick<
  felixV1.VerifyFlowResponse,
  'translatedDestination' | 'translatedDestinationPort' | 'translatedSource' | 'translatedSourcePort'
>;

function translation(packet: SeenEnds, seen: SeenEnds): Translation {
  const isTo = packet.destination !== seen.destination || packet.destinationPort !== seen.destinationPort;
  const isFrom = packet.source !== seen.source || packet.sourcePort !== seen.sourcePort;
  return {
    translatedDestination: isTo ? seen.destination : '',
    translatedDestinationPort: isTo ? (seen.destinationPort ?? 0) : 0,
    translatedSource: isFrom ? seen.source : '',
    translatedSourcePort: isFrom ? (seen.sourcePort ?? 0) : 0,
  };
}

function ruleToWire({ table, chain, position = 0, verdict, comment, meaning }: VerifiedRule): felixV1.TracedRule {
  const { kind = '', namespace = '', name = '' } = meaning?.owner ?? {};
  return {
    table,
    chain,
    position,
    verdict,
    comment,
    ownerKind: kind,
    ownerNamespace: namespace,
    ownerName: name,
    direction: meaning?.direction ?? '',
    decidingRule: meaning?.ruleIndex === undefined ? '' : `${meaning.direction}[${meaning.ruleIndex}]`,
  };
}
