import type { felixV1 } from '@calico-node/rpc';
import { workloadSegment, type Workload } from '../endpoint/workload.ts';

/** The endpoint's identity as Felix knows it. */
export function felixEndpointId(workload: Workload): felixV1.WorkloadEndpointId {
  return {
    orchestratorId: workload.orchestrator,
    workloadId: `${workload.namespace}/${workloadSegment(workload)}`,
    endpointId: workload.endpoint,
  };
}
