import type { Family } from '@calico-node/net';
import { ConfigError } from '@calico-node/service';
import type { KubernetesApi } from '../kubernetes/api.ts';
import { kubernetesInternalIp } from '../kubernetes/node-status.ts';
import { findAddress, selectAddress, type Detection, type HostInterface } from './autodetect.ts';
import type { DetectionMethod } from './detection-method.ts';

import { sourceAddressTowards } from './reachable-address.ts';

export interface DetectionContext {
  readonly interfaces: readonly HostInterface[];
  /** undefined outside of Kubernetes. */
  readonly kubernetes: KubernetesApi | undefined;
  /** This node's name in Kubernetes. */
  readonly nodeName: string;
  readonly signal: AbortSignal;
}

/** Runs a detection method: on the list of interfaces, or by asking the kernel or Kubernetes. */
export async function detectAddress(
  method: DetectionMethod,
  family: Family,
  context: DetectionContext,
): Promise<Detection> {
  const { interfaces, kubernetes, nodeName, signal } = context;
  switch (method.kind) {
    case 'can-reach': {
      const ip = await sourceAddressTowards(method.destination, family);
      if (ip !== undefined) return findAddress(interfaces, ip);
      return { found: false, reason: `no IPv${family} route to ${method.destination}` };
    }
    case 'kubernetes-internal-ip': {
      if (kubernetes === undefined) {
        throw new ConfigError(
          'kubernetes-internal-ip: KUBERNETES_SERVICE_HOST is not set; this method works inside a Kubernetes pod only',
        );
      }
      const ip = await kubernetesInternalIp(kubernetes, nodeName, family, signal);
      if (ip !== undefined) return findAddress(interfaces, ip);
      return { found: false, reason: `the Kubernetes node ${nodeName} has no IPv${family} InternalIP` };
    }
    default:
      return selectAddress(method, interfaces, family);
  }
}
