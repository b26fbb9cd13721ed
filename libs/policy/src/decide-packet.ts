/**
 * A new connection's first packet on its way through one node:
 *
 *   in by a host's interface ─ untracked ─ pre-DNAT ─┬─ forward ─┐
 *   in from a workload ─ egress policy ──────────────┼───────────┼─ to a workload: ingress policy
 *   from the host itself ─ untracked ─ normal ───────┤           └─ out by a host's interface: forward
 *                                                    └─ normal ─ to the host itself
 */
import { cidrContains } from '@calico-node/net';
import type { Decision, Reason } from './decision.ts';
import { decideEndpoint } from './endpoint-decision.ts';
import type { Direction, PolicyEndpoint, Stage } from './endpoint.ts';
import { isFailsafe, isUntrackedFailsafe, type Failsafes } from './failsafe.ts';
import type { PolicyPacket } from './packet.ts';
import { Selection } from './selection.ts';
import type { PolicyWorld } from './world.ts';

/** Where a packet enters or leaves a node. */
export type Attachment =
  | { readonly type: 'workload'; readonly endpoint: PolicyEndpoint }
  /** An interface with a workload's name that no endpoint has. */
  | { readonly type: 'unknown-workload'; readonly interfaceName: string }
  /** The endpoint where host endpoints cover the interface. */
  | { readonly type: 'host-interface'; readonly interfaceName: string; readonly endpoint?: PolicyEndpoint }
  /** A process of the host itself. */
  | { readonly type: 'host' };

export interface PacketPath {
  readonly from: Attachment;
  readonly to: Attachment;
  /**
   * The node's host endpoint `*`, if it has one. It covers host interfaces without an endpoint of their own; its
   * pre-DNAT and forward policy, workloads' interfaces too. Its untracked policy is not asked, as in Felix.
   */
  readonly wildcard?: PolicyEndpoint;
  /** A workload's packet whose source is no address that the workload may use. */
  readonly isForged?: boolean;
  /** Where the packet was sent to, where the node translates its destination: untracked and pre-DNAT policy see that. */
  readonly sentTo?: SentTo;
}

/** A destination before its translation. */
export type SentTo = Pick<PolicyPacket, 'destination' | 'destinationPort'>;

/** What Felix's configuration adds to policy. */
export interface NodePolicy {
  readonly failsafes: Failsafes;
  readonly defaultEndpointToHostAction: 'DROP' | 'RETURN' | 'ACCEPT';
  readonly vxlanPort: number;
  readonly allowVxlanPacketsFromWorkloads: boolean;
  readonly allowIpipPacketsFromWorkloads: boolean;
  /** Nothing is forwarded to services' addresses (ServiceLoopPrevention). */
  readonly preventsServiceLoops: boolean;
}

export interface PacketDecision {
  readonly verdict: 'allow' | 'deny';
  /** Every stop that was asked, in order; the last one decided when it denies. */
  readonly steps: readonly Decision[];
}

/** Whether the packet gets through the node, and everything that led to that. Throws as `decideEndpoint`. */
export function decidePacket(
  world: PolicyWorld,
  node: NodePolicy,
  path: PacketPath,
  packet: PolicyPacket,
): PacketDecision {
  const steps: Decision[] = [];
  for (const step of stepsOf(world, node, path, packet)) {
    steps.push(step);
    if (step.verdict === 'deny') return { verdict: 'deny', steps };
  }
  const isForwarded = path.from.type !== 'host' && path.to.type !== 'host';
  const loops = world.serviceCidrs?.some((cidr) => cidrContains(cidr, packet.destination)) === true;
  if (!isForwarded || !loops || !node.preventsServiceLoops) return { verdict: 'allow', steps };
  const end = path.to.type === 'workload' ? path.to.endpoint.name : path.to.interfaceName;
  return { verdict: 'deny', steps: [...steps, bare(end, 'egress', 'forward', 'deny', { type: 'service-loop' })] };
}

function* stepsOf(
  world: PolicyWorld,
  node: NodePolicy,
  { from, to, wildcard, isForged = false, sentTo }: PacketPath,
  packet: PolicyPacket,
): Generator<Decision> {
  const selection = new Selection();
  const ask = (endpoint: PolicyEndpoint, direction: Direction, stage: Stage): Decision => {
    const seen = stage === 'untracked' || stage === 'pre-dnat' ? { ...packet, ...sentTo } : packet;
    if (endpoint.kind === 'host' && stage !== 'forward') {
      const test = stage === 'untracked' ? isUntrackedFailsafe : isFailsafe;
      if (test(seen, direction, node.failsafes))
        return bare(endpoint.name, direction, stage, 'allow', { type: 'failsafe' });
    }
    return decideEndpoint(world, { endpoint, direction, stage, packet: seen }, selection);
  };

  if (from.type !== 'host' && from.type !== 'host-interface' && isForged) {
    yield bare(nameOf(from), 'egress', 'normal', 'deny', { type: 'forged-source' });
  }
  // What untracked or pre-DNAT policy allows, the host endpoint's other inbound policy is not asked about.
  let isAccepted = false;
  if (from.type !== 'host') {
    const own = from.type === 'host-interface' ? from.endpoint : undefined;
    const covering = own ?? wildcard;
    const stages = own === undefined ? (['pre-dnat'] as const) : (['untracked', 'pre-dnat'] as const);
    for (const stage of stages) {
      if (covering === undefined) break;
      const step = ask(covering, 'ingress', stage);
      yield step;
      isAccepted = step.verdict === 'allow' && step.reason.type !== 'failsafe';
      if (isAccepted) break;
    }
    const isHost = to.type === 'host';
    // What workloads send to the host itself is their egress policy's business alone.
    const isAsked = covering !== undefined && !isAccepted && (!isHost || from.type === 'host-interface');
    if (isAsked) yield ask(covering, 'ingress', isHost ? 'normal' : 'forward');
  }
  if (from.type === 'workload' || from.type === 'unknown-workload') {
    yield* fromWorkload(from, to, node, packet, ask);
  }
  // The host may reach its own workloads.
  if (to.type === 'workload' && from.type !== 'host') yield ask(to.endpoint, 'ingress', 'normal');
  if (to.type === 'unknown-workload' && from.type !== 'host')
    yield bare(to.interfaceName, 'ingress', 'normal', 'deny', { type: 'unknown-workload' });
  if (to.type === 'host') return;
  const own = to.type === 'host-interface' ? to.endpoint : undefined;
  const covering = own ?? wildcard;
  if (covering === undefined) return;
  if (from.type !== 'host') {
    yield ask(covering, 'egress', 'forward');
    return;
  }
  if (to.type !== 'host-interface') return;
  if (own !== undefined) {
    const untracked = ask(own, 'egress', 'untracked');
    yield untracked;
    if (untracked.verdict === 'allow' && untracked.reason.type !== 'failsafe') return;
  }
  yield ask(covering, 'egress', 'normal');
}

/** Neighbour discovery and multicast listener messages, which a workload needs to reach its host at all. */
const essentialIcmpv6Types: readonly (number | undefined)[] = [130, 131, 132, 133, 135, 136];

function* fromWorkload(
  from: Extract<Attachment, { type: 'workload' | 'unknown-workload' }>,
  to: Attachment,
  node: NodePolicy,
  packet: PolicyPacket,
  ask: (endpoint: PolicyEndpoint, direction: Direction, stage: Stage) => Decision,
): Generator<Decision> {
  const name = nameOf(from);
  const stop = (verdict: 'allow' | 'deny', reason: Reason): Decision => bare(name, 'egress', 'normal', verdict, reason);
  if (to.type === 'host' && packet.protocol === 58 && essentialIcmpv6Types.includes(packet.icmpType)) {
    yield stop('allow', { type: 'essential-icmpv6' });
    return;
  }
  if (from.type === 'unknown-workload') {
    yield stop('deny', { type: 'unknown-workload' });
    return;
  }
  const isVxlan = packet.protocol === 17 && packet.destinationPort === node.vxlanPort;
  if (
    (isVxlan && !node.allowVxlanPacketsFromWorkloads) ||
    (packet.protocol === 4 && !node.allowIpipPacketsFromWorkloads)
  ) {
    yield stop('deny', { type: 'encapsulation' });
  }
  yield ask(from.endpoint, 'egress', 'normal');
  if (to.type === 'host') {
    const action = node.defaultEndpointToHostAction;
    yield stop(action === 'DROP' ? 'deny' : 'allow', { type: 'endpoint-to-host', action });
  }
}

function nameOf(attachment: Extract<Attachment, { type: 'workload' | 'unknown-workload' }>): string {
  return attachment.type === 'workload' ? attachment.endpoint.name : attachment.interfaceName;
}

function bare(
  endpoint: string,
  direction: Direction,
  stage: Stage,
  verdict: Decision['verdict'],
  reason: Reason,
): Decision {
  return { endpoint, direction, stage, verdict, reason, tiers: [], staged: [] };
}
