/** Builders of resources for tests, with defaults for what a test is not about. */
import { API_VERSION, type Kind, type Resource, type SpecOf } from '@calico-node/model';
import { parseIp } from '@calico-node/net';
import { labelsOf } from '@calico-node/selector';
import type { NodePolicy } from '../decide-packet.ts';
import type { PolicyEndpoint } from '../endpoint.ts';
import type { PolicyPacket } from '../packet.ts';

export function resource<K extends Kind>(
  kind: K,
  name: string,
  spec: SpecOf<K>,
  more: {
    readonly namespace?: string;
    readonly labels?: Record<string, string>;
    readonly resourceVersion?: string;
  } = {},
): Resource<K> {
  return { kind, apiVersion: API_VERSION, metadata: { name, ...more }, spec } as unknown as Resource<K>;
}

/** TCP from 10.0.0.1 to port 80 of 10.0.0.2. */
export const packet = (settings: Partial<PolicyPacket> = {}): PolicyPacket => ({
  family: 4,
  source: parseIp('10.0.0.1'),
  destination: parseIp('10.0.0.2'),
  protocol: 6,
  sourcePort: 30000,
  destinationPort: 80,
  ...settings,
});

export const workload = (labels: Record<string, string> = {}, profiles: readonly string[] = []): PolicyEndpoint => ({
  kind: 'workload',
  name: 'w',
  labels: labelsOf(labels),
  profiles,
});

export const host = (labels: Record<string, string> = {}, profiles: readonly string[] = []): PolicyEndpoint => ({
  ...workload(labels, profiles),
  kind: 'host',
  name: 'h',
});

export const nodePolicy: NodePolicy = {
  failsafes: { inbound: [{ protocol: 6, port: 22 }], outbound: [{ protocol: 17, port: 53 }] },
  defaultEndpointToHostAction: 'DROP',
  preventsServiceLoops: true,
  vxlanPort: 4789,
  allowVxlanPacketsFromWorkloads: false,
  allowIpipPacketsFromWorkloads: false,
};
