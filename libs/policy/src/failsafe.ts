import { cidrContains, type Cidr } from '@calico-node/net';
import type { PolicyPacket } from './packet.ts';

/** A port that host endpoints' policy can't close, so that an operator does not lock everybody out. */
export interface FailsafePort {
  /** IP protocol number. */
  readonly protocol: number;
  readonly port: number;
  /** The other end, where only some may use it. */
  readonly net?: Cidr;
}

export interface Failsafes {
  /** FailsafeInboundHostPorts. */
  readonly inbound: readonly FailsafePort[];
  /** FailsafeOutboundHostPorts. */
  readonly outbound: readonly FailsafePort[];
}

/** Whether a packet on its way in or out of the host is one of a failsafe port. */
export function isFailsafe(packet: PolicyPacket, direction: 'ingress' | 'egress', failsafes: Failsafes): boolean {
  const [ports, other] =
    direction === 'ingress' ? [failsafes.inbound, packet.source] : [failsafes.outbound, packet.destination];
  return ports.some(
    ({ protocol, port, net }) =>
      protocol === packet.protocol &&
      port === packet.destinationPort &&
      (net === undefined || cidrContains(net, other)),
  );
}

/**
 * Whether untracked policy must let it through: a failsafe port's packets, and the answers to packets of
 * the opposite direction's, which no connection tracking knows.
 */
export function isUntrackedFailsafe(
  packet: PolicyPacket,
  direction: 'ingress' | 'egress',
  failsafes: Failsafes,
): boolean {
  if (isFailsafe(packet, direction, failsafes)) return true;
  const { destinationPort: _, sourcePort, ...rest } = packet;
  const swapped = {
    ...rest,
    source: packet.destination,
    destination: packet.source,
    ...(sourcePort === undefined ? {} : { destinationPort: sourcePort }),
  };
  return isFailsafe(swapped, direction === 'ingress' ? 'egress' : 'ingress', failsafes);
}
