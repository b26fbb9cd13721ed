import {
  decidePacket,
  type Attachment,
  type NodePolicy,
  type PacketDecision,
  type PacketPath,
  type SentTo,
} from './decide-packet.ts';
import type { Decision } from './decision.ts';
import type { PolicyEndpoint } from './endpoint.ts';
import type { FlowNode } from './flow-node.ts';
import type { PolicyPacket } from './packet.ts';
import type { PolicyWorld } from './world.ts';

/** One end of a flow. */
export interface FlowEnd {
  readonly attachment: FlowAttachment;
  /** Where it is, if it is on a node. */
  readonly node?: FlowNode;
}

/**
 * What a flow ends at: a workload; a host, of whose endpoints the given one covers the interface between it and others,
 * if any does; or somewhere outside.
 */
export type FlowAttachment =
  | Extract<Attachment, { type: 'workload' }>
  | { readonly type: 'host'; readonly name: string; readonly endpoint?: PolicyEndpoint }
  | { readonly type: 'outside' };

/** What no node has. */
export const outside: FlowEnd = { attachment: { type: 'outside' } };

/**
 * What policy says of a new connection between two ends: that of both ends is asked, and that of the hosts between, each
 * on its node.
 * @param sentTo where it is sent to, where the node that the other end is on translates the destination to the packet's.
 * Throws as `decideEndpoint`.
 */
export function decideFlow(
  world: PolicyWorld,
  node: NodePolicy,
  from: FlowEnd,
  to: FlowEnd,
  packet: PolicyPacket,
  sentTo?: SentTo,
): PacketDecision {
  const steps: Decision[] = [];
  for (const { isLast, ...path } of pathsOf(from, to)) {
    const isTranslated = isLast && sentTo !== undefined;
    const seen = isLast ? packet : { ...packet, ...sentTo };
    const decision = decidePacket(world, node, isTranslated ? { ...path, sentTo } : path, seen);
    steps.push(...decision.steps);
    if (decision.verdict === 'deny') return { verdict: 'deny', steps };
  }
  return { verdict: 'allow', steps };
}

/** The endpoint whose policy is asked, if there is one. */
export function endpointOf(attachment: FlowAttachment): PolicyEndpoint | undefined {
  return attachment.type === 'outside' ? undefined : attachment.endpoint;
}

/** The way through each node where policy is asked. `isLast`: through the node that the flow goes to. */
function pathsOf(from: FlowEnd, to: FlowEnd): readonly (PacketPath & { readonly isLast: boolean })[] {
  const path = (start: Attachment, end: Attachment, node: FlowNode | undefined, isLast: boolean) => ({
    from: start,
    to: end,
    isLast,
    ...(node?.wildcard === undefined ? {} : { wildcard: node.wildcard }),
  });
  const isSameNode = from.node !== undefined && from.node.name === to.node?.name;
  if (isSameNode) {
    // What a host sends to itself, no policy is asked about.
    const isWithinHost = from.attachment.type === 'host' && to.attachment.type === 'host';
    return isWithinHost ? [] : [path(insideOf(from), insideOf(to), to.node, true)];
  }
  return [
    ...(from.attachment.type === 'outside' ? [] : [path(insideOf(from), edgeOf(from), from.node, false)]),
    ...(to.attachment.type === 'outside' ? [] : [path(edgeOf(to), insideOf(to), to.node, true)]),
  ];
}

/** Where the packet begins or ends on the end's own node. */
function insideOf({ attachment }: FlowEnd): Attachment {
  return attachment.type === 'workload' ? attachment : { type: 'host' };
}

/** The interface by which the end's own node reaches the other one. */
function edgeOf({ attachment, node }: FlowEnd): Attachment {
  const covering = attachment.type === 'host' ? attachment.endpoint : node?.uplink;
  const interfaceName = attachment.type === 'host' ? attachment.name : (node?.name ?? 'outside');
  return { type: 'host-interface', interfaceName, ...(covering === undefined ? {} : { endpoint: covering }) };
}
