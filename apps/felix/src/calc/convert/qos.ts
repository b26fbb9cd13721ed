import { DSCP_VALUES, type WorkloadEndpoint } from '@calico-node/model';
import type { LocalWorkloadEndpoint, TrafficLimits } from '../intents.ts';

type QosControls = NonNullable<WorkloadEndpoint['spec']['qosControls']>;

/** Limits of 0 are none. */
export function convertQos(controls: QosControls | undefined): Pick<LocalWorkloadEndpoint, 'limits' | 'dscp'> {
  if (controls === undefined) return {};
  const { ingressPacketRate, ingressPacketBurst, ingressMaxConnections } = controls;
  const { egressPacketRate, egressPacketBurst, egressMaxConnections, dscp } = controls;
  const ingress = limitsOf(ingressPacketRate, ingressPacketBurst, ingressMaxConnections);
  const egress = limitsOf(egressPacketRate, egressPacketBurst, egressMaxConnections);
  const codePoint = typeof dscp === 'string' ? DSCP_VALUES[dscp] : dscp;
  const isLimited = Object.keys(ingress).length + Object.keys(egress).length > 0;
  return {
    ...(isLimited ? { limits: { ingress, egress } } : {}),
    ...(codePoint === undefined ? {} : { dscp: codePoint }),
  };
}

function limitsOf(rate = 0, burst = 0, maxConnections = 0): TrafficLimits {
  return {
    ...(rate > 0 ? { packetRate: rate } : {}),
    ...(rate > 0 && burst > 0 ? { packetBurst: burst } : {}),
    ...(maxConnections > 0 ? { maxConnections } : {}),
  };
}
