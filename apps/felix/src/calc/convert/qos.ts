import { DSCP_VALUES, parseDscp, type Dscp, type WorkloadEndpoint } from '@calico-node/model';
import type { BandwidthLimit, LocalHostEndpoint, LocalWorkloadEndpoint, TrafficLimits } from '../intents.ts';

type QosControls = NonNullable<WorkloadEndpoint['spec']['qosControls']>;

/** Limits of 0 are none. */
export function convertQos(controls: QosControls | undefined): Pick<LocalWorkloadEndpoint, 'limits' | 'dscp'> {
  if (controls === undefined) return {};
  const ingress = limitsOf(controls, 'ingress');
  const egress = limitsOf(controls, 'egress');
  const isLimited = Object.keys(ingress).length + Object.keys(egress).length > 0;
  return {
    ...(isLimited ? { limits: { ingress, egress } } : {}),
    ...codePointOf(controls.dscp),
  };
}

/** A host endpoint's only control is an annotation; what cannot be read is none, as in Calico. */
export function convertHostQos(annotations: Readonly<Record<string, string>> = {}): Pick<LocalHostEndpoint, 'dscp'> {
  const text = annotations['qos.projectcalico.org/dscp'];
  return codePointOf(text === undefined ? undefined : parseDscp(text));
}

function codePointOf(dscp: Dscp | undefined): { readonly dscp?: number } {
  const codePoint = typeof dscp === 'string' ? DSCP_VALUES[dscp] : dscp;
  return codePoint === undefined ? {} : { dscp: codePoint };
}

function limitsOf(controls: QosControls, direction: 'ingress' | 'egress'): TrafficLimits {
  const packetRate = positive(controls[`${direction}PacketRate`]);
  const packetBurst = positive(controls[`${direction}PacketBurst`]);
  const maxConnections = positive(controls[`${direction}MaxConnections`]);
  const rate = positive(controls[`${direction}Bandwidth`]);
  return {
    ...(packetRate === undefined ? {} : { packetRate }),
    ...(packetRate === undefined || packetBurst === undefined ? {} : { packetBurst }),
    ...(maxConnections === undefined ? {} : { maxConnections }),
    ...(rate === undefined ? {} : { bandwidth: bandwidthOf(rate, controls, direction) }),
  };
}

/** A peak rate that is not above the rate limits nothing: the kernel would refuse it. */
function bandwidthOf(rate: number, controls: QosControls, direction: 'ingress' | 'egress'): BandwidthLimit {
  const burst = positive(controls[`${direction}Burst`]);
  const peakRate = controls[`${direction}Peakrate`] ?? 0;
  const peakBurst = positive(controls[`${direction}Minburst`]);
  const hasPeak = peakRate > rate;
  return {
    rate,
    ...(burst === undefined ? {} : { burst }),
    ...(hasPeak ? { peakRate } : {}),
    ...(hasPeak && peakBurst !== undefined ? { peakBurst } : {}),
  };
}

function positive(value: number | undefined): number | undefined {
  return value !== undefined && value > 0 ? value : undefined;
}
