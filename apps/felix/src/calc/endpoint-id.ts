import type { Branded } from '@calico-node/net';

/** A workload endpoint's identity on its host, as in the store's v1 model key. */
export interface WorkloadEndpointIdentity {
  /** `k8s`, `cni`, `libnetwork`, ... */
  readonly orchestratorId: string;
  /** `<namespace>/<workload>`. */
  readonly workloadId: string;
  /** Interface name inside the workload, such as `eth0`. */
  readonly endpointId: string;
}

/** The identity as one string, unambiguous and usable as a map key; it sorts as Calico orders endpoints. */
export type WorkloadEndpointId = Branded<string, 'WorkloadEndpointId'>;

/** `<orchestrator>/<namespace>%2f<workload>/<endpoint>`, each part escaped as in the store's keys. */
export function workloadEndpointIdOf(identity: WorkloadEndpointIdentity): WorkloadEndpointId {
  return [identity.orchestratorId, identity.workloadId, identity.endpointId]
    .map(escapePart)
    .join('/') as WorkloadEndpointId;
}

/** Calico's `escapeName`: `%` first, then `/`. */
function escapePart(part: string): string {
  return part.replaceAll('%', '%25').replaceAll('/', '%2f');
}

/** A host endpoint's name. No workload endpoint's id is like it, since those have slashes. */
export type HostEndpointId = Branded<string, 'HostEndpointId'>;

/** Any endpoint of a host. */
export type EndpointId = WorkloadEndpointId | HostEndpointId;
