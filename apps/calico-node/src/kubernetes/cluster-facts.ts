import { isKubernetesError } from '@calico-node/kubernetes';
import { familyOf, tryParseCidr, type Cidr, type Family } from '@calico-node/net';
import type { KubernetesApi } from './api.ts';

/** What the installers of a Kubernetes cluster left written down. */
export interface ClusterFacts {
  /** For ClusterInformation's cluster type. */
  readonly types: readonly string[];
  /** kubeadm's pod networks. */
  readonly podNetworks: ReadonlyMap<Family, Cidr>;
}

export const noClusterFacts: ClusterFacts = { types: [], podNetworks: new Map() };

/** The pod networks in kubeadm's ClusterConfiguration: `podSubnet: 10.0.0.0/16,fd00::/48`. */
export function podNetworksOf(configuration: string): ReadonlyMap<Family, Cidr> {
  const text = /^\s*podSubnet:\s*["']?([^"'\s#]+)/m.exec(configuration)?.[1] ?? '';
  const cidrs = text.split(',').flatMap((one) => tryParseCidr(one) ?? []);
  return new Map(cidrs.map((cidr) => [familyOf(cidr), cidr]));
}

/** A ConfigMap of kube-system; undefined when it is not there, or not ours to read. */
async function configMap(api: KubernetesApi, name: string, signal: AbortSignal): Promise<unknown> {
  try {
    return await api.get(`/api/v1/namespaces/kube-system/configmaps/${name}`, signal);
  } catch (error) {
    if (isKubernetesError(error, 'not-found', 'refused')) return undefined;
    throw error;
  }
}

/** @throws KubernetesError when the API does not answer. */
export async function clusterFacts(api: KubernetesApi, signal: AbortSignal): Promise<ClusterFacts> {
  const [kubeadm, rancher] = await Promise.all([
    configMap(api, 'kubeadm-config', signal),
    configMap(api, 'full-cluster-state', signal),
  ]);
  const data = typeof kubeadm === 'object' && kubeadm !== null && 'data' in kubeadm ? kubeadm.data : undefined;
  const configuration =
    typeof data === 'object' && data !== null && 'ClusterConfiguration' in data ? data.ClusterConfiguration : undefined;
  return {
    types: [...(kubeadm === undefined ? [] : ['kubeadm']), ...(rancher === undefined ? [] : ['rancher'])],
    podNetworks: podNetworksOf(typeof configuration === 'string' ? configuration : ''),
  };
}
