import { DEFAULT_ALLOW_PROFILE } from '@calico-node/model';
import type { Family } from '@calico-node/net';
import {
  decidePacket,
  isHostEndpoint,
  type NodePolicy,
  type PacketDecision,
  type PolicyPacket,
} from '@calico-node/policy';
import type { DriverChoice } from '../dataplane/driver-choice.ts';
import { chainMeanings, withDecidingRules, withoutLayer, type ChainMeaning } from './chain-meaning.ts';
import { ExplainError, readFlow, worldOf, type ExplainGraph, type Flow, type FlowEnd } from './explain-flow.ts';
import { OwnPaths, type OwnEnd, type OwnNode } from './own-paths.ts';
import { probe, type ProbeOutcome } from './probe.ts';
import type { TracedRule } from './traced-rule.ts';

/** What a flow is verified on. */
export interface VerifyingNode extends OwnNode {
  readonly filter: DriverChoice;
  readonly maxChainNameLength: number;
  /** That Felix programs. */
  readonly families: readonly Family[];
}

export interface VerifiedRule extends TracedRule {
  /** Whose chain it is in, where that is a policy's, a profile's or an endpoint's. */
  readonly meaning?: ChainMeaning;
}

/** What the kernel did to a flow's first packet, beside what policy says of its way through this node. */
export interface Verification {
  readonly packet: PolicyPacket;
  /** The interface that it came in by; '' for the host itself. */
  readonly enteredBy: string;
  /** The interface that it would have left by; '' for the host itself. */
  readonly leavesBy: string;
  /** Which policy can be asked here: of both ends, or of the one that is on this node. */
  readonly half: 'whole' | 'egress' | 'ingress';
  readonly expected: PacketDecision;
  readonly kernel: ProbeOutcome['verdict'];
  readonly rules: readonly VerifiedRule[];
  readonly gap: string;
}

/**
 * Sends a flow's first packet through this node's kernel, where nobody gets it. One call at a time.
 * @throws ExplainError as `explainFlow`, and `elsewhere` for a flow with no end on this node; what `probe` throws.
 */
export async function verifyFlow(
  graph: ExplainGraph,
  policy: NodePolicy,
  node: VerifyingNode,
  flow: Flow,
): Promise<Verification> {
  const { from, to, packet } = readFlow(graph, flow);
  const { hostEndpoints, profiles } = graph.rules();
  using paths = new OwnPaths(node, hostEndpoints);
  const [entry, exit] = [paths.endOf(from, packet.source), paths.endOf(to, packet.destination)];
  if (isOutside(entry) && isOutside(exit)) {
    throw new ExplainError('elsewhere', `neither "${from.text}" nor "${to.text}" is on this node`);
  }
  const isFromHost = entry.attachment.type === 'host';
  if (isFromHost && exit.attachment.type === 'host') {
    throw new ExplainError('elsewhere', 'what the host sends to itself passes no policy that could be verified');
  }
  if (!isFromHost && entry.link === undefined) {
    throw new ExplainError('elsewhere', `the kernel has no interface that packets of "${from.text}" come in by`);
  }
  const world = worldOf(graph);
  const { wildcard } = paths;
  const path = { from: entry.attachment, to: exit.attachment, ...(wildcard === undefined ? {} : { wildcard }) };
  const [prefix = 'cali'] = node.interfacePrefixes;
  const { verdict, rules, gap } = await probe(packet, entry.link ?? 'from-host', {
    ...(node.netns === undefined ? {} : { netns: node.netns }),
    filter: node.filter,
    // As workloads' interfaces, they are none of the host's, which host endpoints could cover.
    helpers: [`${prefix.slice(0, 9)}prb0`, `${prefix.slice(0, 9)}prb1`],
  });
  const names = [...node.endpoints()].map(({ interfaceName, identity }) => ({
    interfaceName,
    name: identity.workloadId,
  }));
  const profileNames = [DEFAULT_ALLOW_PROFILE, ...profiles].map(({ metadata }) => metadata.name);
  const expected = decidePacket(world, policy, path, packet);
  const meanings = withDecidingRules(chainMeanings(world, profileNames, names, node.maxChainNameLength), expected);
  return {
    packet,
    enteredBy: entry.link?.name ?? '',
    leavesBy: exit.link?.name ?? '',
    half: halfOf([from, entry], [to, exit]),
    expected,
    kernel: verdict,
    rules: rules.map((rule) => {
      const meaning = meanings.get(withoutLayer(rule.chain));
      return meaning === undefined ? rule : { ...rule, meaning };
    }),
    gap,
  };
}

function isOutside({ attachment }: OwnEnd): boolean {
  return attachment.type === 'host-interface';
}

/** An endpoint that is outside of this node has its policy there. */
function halfOf(from: readonly [FlowEnd, OwnEnd], to: readonly [FlowEnd, OwnEnd]): Verification['half'] {
  const isRemote = ([end, own]: readonly [FlowEnd, OwnEnd]): boolean =>
    isOutside(own) && (end.attachment.type === 'workload' || isHostEndpoint(end.attachment));
  if (isRemote(to)) return 'egress';
  return isRemote(from) ? 'ingress' : 'whole';
}
