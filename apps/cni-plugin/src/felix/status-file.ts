import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { workloadEndpointStatusFileName } from '@calico-node/model';
import { sleep } from '@calico-node/service';
import { felixEndpointId } from './endpoint-id.ts';
import type { Workload } from '../endpoint/workload.ts';

const pollMs = 50;

/** The file by which Calico's Felix says that an endpoint is programmed (`names/workloadendpointstatus.go`). */
export function statusFileName(workload: Workload): string {
  const { orchestratorId, workloadId, endpointId } = felixEndpointId(workload);
  return workloadEndpointStatusFileName({ orchestrator: orchestratorId, workload: workloadId, endpoint: endpointId });
}

/** Waits for the endpoint's status file. False when it is not there in time. */
export async function waitForStatusFile(
  directory: string,
  workload: Workload,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const path = join(directory, statusFileName(workload));
  const deadline = Date.now() + timeoutMs;
  while (!existsSync(path)) {
    if (signal.aborted || Date.now() >= deadline) return false;
    await sleep(pollMs, signal);
  }
  return true;
}
