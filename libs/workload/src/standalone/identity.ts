import { createHash } from 'node:crypto';
import { workloadEndpointName } from '@calico-node/model';
import type { NodeName } from '@calico-node/net';
import type { felixV1 } from '@calico-node/rpc';

/** Who describes the workloads that no orchestrator describes: their user, by hand. */
export const standaloneOrchestrator = 'calicoctl';

/** One interface of a workload that its user names. */
export interface StandaloneId {
  readonly node: NodeName;
  readonly namespace: string;
  readonly name: string;
  /** The interface's name within the workload. */
  readonly endpoint: string;
}

/** The name of its WorkloadEndpoint. @throws RangeError for a part that no name can hold. */
export function standaloneEndpointName({ node, name, endpoint }: StandaloneId): string {
  return workloadEndpointName({ node, orchestrator: standaloneOrchestrator, workload: name, endpoint });
}

/** The host's end of its interface: the prefix that Felix knows, and a hash, as pods' have it. */
export function standaloneHostName({ namespace, name, endpoint }: StandaloneId, prefix: string): string {
  const hash = createHash('sha1').update(`${namespace}.${name}.${endpoint}`).digest('hex');
  return prefix + hash.slice(0, Math.min(11, 15 - prefix.length));
}

/** The handle under which IPAM keeps its addresses; a name is one node's own, so the node is part of it. */
export function standaloneHandle({ node, namespace, name, endpoint }: StandaloneId): string {
  return [standaloneOrchestrator, node, namespace, name, endpoint].join('.');
}

/** What Felix knows it by. */
export function standaloneFelixId({ namespace, name, endpoint }: StandaloneId): felixV1.WorkloadEndpointId {
  return { orchestratorId: standaloneOrchestrator, workloadId: `${namespace}/${name}`, endpointId: endpoint };
}
