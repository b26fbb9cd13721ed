import {
  decidePacket,
  type Attachment,
  type NodePolicy,
  type PacketDecision,
  type PacketPath,
} from './decide-packet.ts';
import type { Decision } from './decision.ts';
import type { PolicyEndpoint } from './endpoint.ts';
import type { PolicyPacket } from './packet.ts';
import type { PolicyWorld } from './world.ts';

/** Where a flow ends: a workload, a process of a host with a host endpoint, or somewhere outside. */
export type FlowAttachment = Exclude<Attachment, { type: 'host' }>;

/** What no endpoint has. */
export const outside: FlowAttachment = { type: 'host-interface', interfaceName: 'outside' };

/**
 * What policy says of a new connection between two ends, on whichever nodes they are: that of both ends is asked. Throws
 * as `decideEndpoint`.
 */
export function decideFlow(
  world: PolicyWorld,
  node: NodePolicy,
  from: FlowAttachment,
  to: FlowAttachment,
  packet: PolicyPacket,
): PacketDecision {
  const steps: Decision[] = [];
  for (const path of pathsOf(from, to)) {
    const decision = decidePacket(world, node, path, packet);
    steps.push(...decision.steps);
    if (decision.verdict === 'deny') return { verdict: 'deny', steps };
  }
  return { verdict: 'allow', steps };
}

/** The endpoint whose policy is asked, if it is one. */
export function endpointOf(attachment: FlowAttachment): PolicyEndpoint | undefined {
  return attachment.type === 'unknown-workload' ? undefined : attachment.endpoint;
}

/** Whether it is a host's process behind one of its interfaces. */
export function isHostEndpoint(attachment: FlowAttachment): boolean {
  return attachment.type === 'host-interface' && attachment.endpoint !== undefined;
}

/** The way through each node where policy is asked: a host sends and receives on a node of its own. */
function pathsOf(from: FlowAttachment, to: FlowAttachment): readonly PacketPath[] {
  const [isFromHost, isToHost] = [isHostEndpoint(from), isHostEndpoint(to)];
  const between = { from: isFromHost ? outside : from, to: isToHost ? outside : to };
  return [
    ...(isFromHost ? [{ from: { type: 'host' } as const, to: from }] : []),
    ...(isFromHost && isToHost ? [] : [between]),
    ...(isToHost ? [{ from: to, to: { type: 'host' } as const }] : []),
  ];
}
