import { DEFAULT_ALLOW_PROFILE } from '@calico-node/model';
import type { Family } from '@calico-node/net';
import {
  decidePacket,
  type FlowEnd,
  type NodePolicy,
  type PacketDecision,
  type PolicyPacket,
} from '@calico-node/policy';
import type { DriverChoice } from '../dataplane/driver-choice.ts';
import { chainMeanings, withDecidingRules, withoutLayer, type ChainMeaning } from './chain-meaning.ts';
import { ExplainError } from './explain-error.ts';
import { destinationOf, readFlow, worldOf, type ExplainGraph, type Flow } from './explain-flow.ts';
import { FlowEnds, type NamedEnd } from './flow-ends.ts';
import { OwnPaths, type OwnEnd, type OwnNode } from './own-paths.ts';
import type { SeenEnds } from './probe-packet.ts';
import { probeHelpersOf } from './probe-helpers.ts';
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
  /** As it was sent. */
  readonly packet: PolicyPacket;
  /** As the kernel had it when it was last seen: with others than its own ends where they were translated. */
  readonly seen: SeenEnds;
  /** The interface that it came in by; '' for the host itself. */
  readonly enteredBy: string;
  /** The interface that it would have left by; '' for the host itself. */
  readonly leavesBy: string;
  /** Which policy can be asked here: of both ends, of the one that is on this node, or only of this node between them. */
  readonly half: 'whole' | 'egress' | 'ingress' | 'between';
  readonly expected: PacketDecision;
  readonly kernel: ProbeOutcome['verdict'];
  readonly rules: readonly VerifiedRule[];
  readonly gap: string;
}

/**
 * Sends a flow's first packet through this node's kernel, where nobody gets it. Policy is asked of the destination that
 * the kernel translates it to, whoever has it do so. One call at a time.
 * @throws ExplainError as `explainFlow`, and `elsewhere` for a flow that does not pass this node; what `probe` throws.
 */
export async function verifyFlow(
  graph: ExplainGraph,
  policy: NodePolicy,
  node: VerifyingNode,
  flow: Flow,
): Promise<Verification> {
  const { hostEndpoints, profiles } = graph.rules();
  using paths = new OwnPaths(node, hostEndpoints);
  const ends = new FlowEnds(graph, paths);
  const { from, to, packet: wanted, sentTo } = readFlow(ends, flow);
  const packet = { ...wanted, ...sentTo };
  const entry = paths.endOf(from, packet.source);
  checkWay(from, entry, to, paths.endOf(to, wanted.destination));
  const { verdict, rules, gap, seen } = await probe(packet, entry.link ?? 'from-host', {
    ...(node.netns === undefined ? {} : { netns: node.netns }),
    filter: node.filter,
    helpers: probeHelpersOf(node.interfacePrefixes),
  });
  const arrived = { ...packet, ...destinationOf({ ...packet, ...seen }) };
  const isTranslated = arrived.destination !== packet.destination || arrived.destinationPort !== packet.destinationPort;
  const target = isTranslated ? ends.at(arrived.destination) : to;
  const exit = paths.endOf(target, arrived.destination);
  const { wildcard } = paths;
  const path = {
    from: entry.attachment,
    to: exit.attachment,
    ...(wildcard === undefined ? {} : { wildcard }),
    ...(isTranslated ? { sentTo: destinationOf(packet) } : {}),
  };
  const names = [...node.endpoints()].map(({ interfaceName, identity }) => ({
    interfaceName,
    name: identity.workloadId,
  }));
  const profileNames = [DEFAULT_ALLOW_PROFILE, ...profiles].map(({ metadata }) => metadata.name);
  const world = worldOf(graph);
  const expected = decidePacket(world, policy, path, arrived);
  if (verdict === 'deny' && expected.verdict === 'allow' && !beginsConnection(packet)) {
    throw new ExplainError(
      'elsewhere',
      `ICMP type ${packet.icmpType ?? 0} begins no connection: on its own the kernel calls it invalid, and lets it pass only as a part of one that it knows, so that it cannot be verified`,
    );
  }
  const covering = paths.coveringOf([entry.link, exit.link].filter((link) => link !== undefined));
  const owners = chainMeanings(world, profileNames, names, covering, node.maxChainNameLength);
  const meanings = withDecidingRules(owners, expected);
  return {
    packet,
    seen,
    enteredBy: entry.link?.name ?? '',
    leavesBy: exit.link?.name ?? '',
    half: halfOf([from, entry], [target, exit]),
    expected,
    kernel: verdict,
    rules: rules.map((rule) => {
      const meaning = meanings.get(withoutLayer(rule.chain));
      return meaning === undefined ? rule : { ...rule, meaning };
    }),
    gap,
  };
}

/** Of ICMP and ICMPv6, requests alone (nf_conntrack_proto_icmp.c, nf_conntrack_proto_icmpv6.c). */
function beginsConnection({ protocol, icmpType = 0 }: PolicyPacket): boolean {
  if (protocol === 1) return [8, 13, 15, 17].includes(icmpType);
  return protocol !== 58 || icmpType === 128 || icmpType === 139;
}

/** Refuses flows that this node has no say in. */
function checkWay(from: NamedEnd, entry: OwnEnd, to: NamedEnd, exit: OwnEnd): void {
  const isFromHost = entry.attachment.type === 'host';
  if (isOutside(entry) && isOutside(exit) && entry.link?.index === exit.link?.index) {
    const nodes = new Set([from.node?.name, to.node?.name].filter((name) => name !== undefined));
    throw new ExplainError(
      'elsewhere',
      `a packet from "${from.text}" to "${to.text}" does not pass this node: neither end is here${nodes.size === 0 ? '' : `; ask on ${[...nodes].join(' or ')}`}`,
    );
  }
  if (isFromHost && exit.attachment.type === 'host') {
    throw new ExplainError('elsewhere', 'what the host sends to itself passes no policy that could be verified');
  }
  if (!isFromHost && entry.link === undefined) {
    throw new ExplainError('elsewhere', `the kernel has no interface that packets of "${from.text}" come in by`);
  }
}

function isOutside({ attachment }: OwnEnd): boolean {
  return attachment.type === 'host-interface';
}

/** An endpoint that is outside of this node has its policy there. */
function halfOf(from: readonly [FlowEnd, OwnEnd], to: readonly [FlowEnd, OwnEnd]): Verification['half'] {
  const isRemote = ([end, own]: readonly [FlowEnd, OwnEnd]): boolean =>
    isOutside(own) &&
    (end.attachment.type === 'workload' || end.node?.uplink !== undefined || end.node?.wildcard !== undefined);
  const [isFromRemote, isToRemote] = [isRemote(from), isRemote(to)];
  if (isFromRemote && isToRemote) return 'between';
  if (isToRemote) return 'egress';
  return isFromRemote ? 'ingress' : 'whole';
}
