/**
 * A new connection's first packet on its way through one node:
 *
 *   in by a host's interface ─ untracked ─ pre-DNAT ─┬─ forward ─┐
 *   in from a workload ─ egress policy ──────────────┼───────────┼─ to a workload: ingress policy
 *   from the host itself ────────────────────────────┤           └─ out by a host's interface: forward
 *                                                    └─ normal ─ to the host itself
 */
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
  /** A workload's packet whose source is no address that the workload may use. */
  readonly isForged?: boolean;
}

/** What Felix's configuration adds to policy. */
export interface NodePolicy {
  readonly failsafes: Failsafes;
  readonly defaultEndpointToHostAction: 'DROP' | 'RETURN' | 'ACCEPT';
  readonly vxlanPort: number;
  readonly allowVxlanPacketsFromWorkloads: boolean;
  readonly allowIpipPacketsFromWorkloads: boolean;
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
  return { verdict: 'allow', steps };
}

function* stepsOf(
  world: PolicyWorld,
  node: NodePolicy,
  { from, to, isForged = false }: PacketPath,
  packet: PolicyPacket,
): Generator<Decision> {
  const selection = new Selection();
  const ask = (endpoint: PolicyEndpoint, direction: Direction, stage: Stage): Decision => {
    if (endpoint.kind === 'host' && stage !== 'forward') {
      const test = stage === 'untracked' ? isUntrackedFailsafe : isFailsafe;
      if (test(packet, direction, node.failsafes))
        return bare(endpoint.name, direction, stage, 'allow', { type: 'failsafe' });
    }
    return decideEndpoint(world, { endpoint, direction, stage, packet }, selection);
  };

  // What untracked or pre-DNAT policy allows, the host endpoint's other policy is not asked about.
  let isAccepted = false;
  if (from.type === 'host-interface' && from.endpoint !== undefined) {
    for (const stage of ['untracked', 'pre-dnat'] as const) {
      const step = ask(from.endpoint, 'ingress', stage);
      yield step;
      isAccepted = step.verdict === 'allow' && step.reason.type !== 'failsafe';
      if (isAccepted) break;
    }
    const stage = to.type === 'host' ? 'normal' : 'forward';
    if (!isAccepted) yield ask(from.endpoint, 'ingress', stage);
  }
  if (from.type === 'workload' || from.type === 'unknown-workload') {
    yield* fromWorkload(from, to, isForged, node, packet, ask);
  }
  switch (to.type) {
    case 'workload':
      // The host may reach its own workloads.
      if (from.type !== 'host') yield ask(to.endpoint, 'ingress', 'normal');
      return;
    case 'unknown-workload':
      if (from.type !== 'host') yield bare(to.interfaceName, 'ingress', 'normal', 'deny', { type: 'unknown-workload' });
      return;
    case 'host-interface': {
      if (to.endpoint === undefined) return;
      if (from.type !== 'host') {
        yield ask(to.endpoint, 'egress', 'forward');
        return;
      }
      const untracked = ask(to.endpoint, 'egress', 'untracked');
      yield untracked;
      if (untracked.verdict !== 'allow' || untracked.reason.type === 'failsafe')
        yield ask(to.endpoint, 'egress', 'normal');
      return;
    }
    case 'host':
      return;
  }
}

/** Neighbour discovery and multicast listener messages, which a workload needs to reach its host at all. */
const essentialIcmpv6Types: readonly (number | undefined)[] = [130, 131, 132, 133, 135, 136];

function* fromWorkload(
  from: Extract<Attachment, { type: 'workload' | 'unknown-workload' }>,
  to: Attachment,
  isForged: boolean,
  node: NodePolicy,
  packet: PolicyPacket,
  ask: (endpoint: PolicyEndpoint, direction: Direction, stage: Stage) => Decision,
): Generator<Decision> {
  const name = from.type === 'workload' ? from.endpoint.name : from.interfaceName;
  const stop = (verdict: 'allow' | 'deny', reason: Reason): Decision => bare(name, 'egress', 'normal', verdict, reason);
  if (isForged) yield stop('deny', { type: 'forged-source' });
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

function bare(
  endpoint: string,
  direction: Direction,
  stage: Stage,
  verdict: Decision['verdict'],
  reason: Reason,
): Decision {
  return { endpoint, direction, stage, verdict, reason, tiers: [], staged: [] };
}
