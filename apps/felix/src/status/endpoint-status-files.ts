import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeEndpointStatus, workloadEndpointStatusFileName } from '@calico-node/model';
import type { WorkloadEndpointIdentity } from '../calc/endpoint-id.ts';

const fileName = ({ orchestratorId, workloadId, endpointId }: WorkloadEndpointIdentity): string =>
  workloadEndpointStatusFileName({ orchestrator: orchestratorId, workload: workloadId, endpoint: endpointId });

/**
 * One file for each endpoint that is programmed, in Calico's layout (`policy_setup_timeout_seconds` of the CNI plug-in
 * waits for it). A file that is there says that policy and routes are in the kernel.
 */
export class EndpointStatusFiles {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
    mkdirSync(dir, { recursive: true, mode: 0o755 });
  }

  /** Writes an endpoint's file, unless it is there already. */
  set(identity: WorkloadEndpointIdentity): void {
    const file = join(this.#dir, fileName(identity));
    const content = encodeEndpointStatus({ status: 'up' });
    try {
      if (readFileSync(file, 'utf8') === content) return;
    } catch {
      // not there
    }
    writeFileSync(`${file}.new`, content, { mode: 0o644 });
    renameSync(`${file}.new`, file);
  }

  delete(identity: WorkloadEndpointIdentity): void {
    rmSync(join(this.#dir, fileName(identity)), { force: true });
  }

  /** Removes what an earlier run left of endpoints that are gone. */
  keepOnly(identities: Iterable<WorkloadEndpointIdentity>): void {
    const kept = new Set(Array.from(identities, fileName));
    for (const name of readdirSync(this.#dir)) if (!kept.has(name)) rmSync(join(this.#dir, name), { force: true });
  }
}
