import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { sleep } from '@calico-node/service';
import { felixEndpointId } from './endpoint-id.ts';
import type { Workload } from '../endpoint/workload.ts';

const pollMs = 50;

/** Go's `url.PathEscape`: what a path segment may hold stays as it is. */
function pathEscape(text: string): string {
  const escaped = encodeURIComponent(text).replaceAll(/[!'()*]/g, (char) => {
    return `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
  });
  return escaped.replaceAll(/%(?:24|26|2B|3A|3D|40)/g, (code) => decodeURIComponent(code));
}

/** The file by which Calico's Felix says that an endpoint is programmed (`names/workloadendpointstatus.go`). */
export function statusFileName(workload: Workload): string {
  const { orchestratorId, workloadId, endpointId } = felixEndpointId(workload);
  return [orchestratorId, workloadId, endpointId].map((part) => pathEscape(part)).join(' ');
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
