import { familyOf, tryParseIp, type Family, type IpAddress } from '@calico-node/net';
import type { KubernetesApi } from './api.ts';

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function nodePath(name: string): string {
  return `/api/v1/nodes/${encodeURIComponent(name)}`;
}

/** The InternalIP of a family in a Kubernetes Node. */
export function internalIpOf(node: unknown, family: Family): IpAddress | undefined {
  const status = isRecord(node) ? node['status'] : undefined;
  const addresses: unknown = isRecord(status) ? status['addresses'] : undefined;
  if (!Array.isArray(addresses)) return undefined;
  for (const entry of addresses as unknown[]) {
    if (!isRecord(entry) || entry['type'] !== 'InternalIP' || typeof entry['address'] !== 'string') continue;
    const ip = tryParseIp(entry['address']);
    if (ip !== undefined && familyOf(ip) === family) return ip;
  }
  return undefined;
}

/** This node's InternalIP in Kubernetes. @throws KubernetesError */
export async function kubernetesInternalIp(
  api: KubernetesApi,
  nodeName: string,
  family: Family,
  signal: AbortSignal,
): Promise<IpAddress | undefined> {
  return internalIpOf(await api.get(nodePath(nodeName), signal), family);
}

/** Says to Kubernetes whether pods of this node have a network, in Calico's words. @throws KubernetesError */
export async function setNetworkUnavailable(
  api: KubernetesApi,
  nodeName: string,
  isUnavailable: boolean,
  now: Date,
  signal: AbortSignal,
): Promise<void> {
  const time = `${now.toISOString().slice(0, 19)}Z`;
  const condition = {
    type: 'NetworkUnavailable',
    status: isUnavailable ? 'True' : 'False',
    reason: isUnavailable ? 'CalicoIsDown' : 'CalicoIsUp',
    message: isUnavailable ? 'Calico is shutting down on this node' : 'Calico is running on this node',
    lastTransitionTime: time,
    lastHeartbeatTime: time,
  };
  await api.patch(`${nodePath(nodeName)}/status`, { status: { conditions: [condition] } }, signal);
}
