import type { Family } from '@calico-node/net';
import { findAddress, selectAddress, type Detection, type HostInterface } from './autodetect.ts';
import type { DetectionMethod } from './detection-method.ts';
import type { Variables } from './env-reader.ts';
import { kubernetesInternalIp } from './kubernetes-address.ts';
import { sourceAddressTowards } from './reachable-address.ts';

export interface DetectionContext {
  readonly interfaces: readonly HostInterface[];
  readonly env: Variables;
  readonly nodeName: string;
  readonly signal: AbortSignal;
}

/** Runs a detection method: on the list of interfaces, or by asking the kernel or Kubernetes. */
export async function detectAddress(
  method: DetectionMethod,
  family: Family,
  context: DetectionContext,
): Promise<Detection> {
  const { interfaces, env, nodeName, signal } = context;
  switch (method.kind) {
    case 'can-reach': {
      const ip = await sourceAddressTowards(method.destination, family);
      if (ip !== undefined) return findAddress(interfaces, ip);
      return { found: false, reason: `no IPv${family} route to ${method.destination}` };
    }
    case 'kubernetes-internal-ip': {
      const ip = await kubernetesInternalIp(env, nodeName, family, signal);
      if (ip !== undefined) return findAddress(interfaces, ip);
      return { found: false, reason: `the Kubernetes node ${nodeName} has no IPv${family} InternalIP` };
    }
    default:
      return selectAddress(method, interfaces, family);
  }
}
