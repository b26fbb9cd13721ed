import type { Attachment } from '../spec/environment.ts';

/** Whose interface it is, as its WorkloadEndpoint says it. */
export type Workload =
  | {
      readonly orchestrator: 'k8s';
      readonly namespace: string;
      readonly pod: string;
      readonly containerId: string;
      readonly endpoint: string;
    }
  | {
      readonly orchestrator: 'cni';
      readonly namespace: 'default';
      readonly containerId: string;
      readonly endpoint: string;
    };

/** The workload behind a call: a pod when the runtime names one, otherwise the container itself. */
export function workloadOf({ containerId, ifName, args }: Attachment): Workload {
  const [namespace, pod] = [args.get('K8S_POD_NAMESPACE') ?? '', args.get('K8S_POD_NAME') ?? ''];
  if (namespace !== '' && pod !== '') return { orchestrator: 'k8s', namespace, pod, containerId, endpoint: ifName };
  return { orchestrator: 'cni', namespace: 'default', containerId, endpoint: ifName };
}

/** The workload's name within its namespace, as it stands in endpoint names: the pod or the container. */
export function workloadSegment(workload: Workload): string {
  return workload.orchestrator === 'k8s' ? workload.pod : workload.containerId;
}

/**
 * The handle under which IPAM keeps the attachment's addresses: `<network>.<container>` as Calico has it.
 * Upstream gives all interfaces of a container on one network the same handle; here each but `eth0` has its
 * own, so that asking again for one interface never gives the address of another.
 */
export function ipamHandle(network: string, containerId: string, ifName: string): string {
  return ifName === 'eth0' ? `${network}.${containerId}` : `${network}.${containerId}.${ifName}`;
}

/** The handles of Calico's old plug-ins, released on DEL as well. */
export function legacyHandle(workload: Workload): string {
  return workload.orchestrator === 'k8s' ? `${workload.namespace}.${workload.pod}` : workload.containerId;
}
