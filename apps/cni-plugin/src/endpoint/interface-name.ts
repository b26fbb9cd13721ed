import { createHash } from 'node:crypto';
import type { Workload } from './workload.ts';

function hash(text: string): string {
  return createHash('sha1').update(text).digest('hex').slice(0, 11);
}

/**
 * The host's side of a workload's interface, as Calico names it: for a pod the prefix and the start of
 * SHA-1(`<namespace>.<pod>`); otherwise `cali` and the first eleven characters of the container's
 * identifier. Interfaces after `eth0` of one container, which upstream's rule would give the same name, are
 * told apart by a hash.
 */
export function hostInterfaceName(workload: Workload, prefix: string): string {
  if (workload.orchestrator === 'k8s') {
    const base = `${workload.namespace}.${workload.pod}`;
    return prefix + hash(workload.endpoint === 'eth0' ? base : `${base}.${workload.endpoint}`);
  }
  if (workload.endpoint === 'eth0') return `cali${workload.containerId.slice(0, 11)}`;
  return alternativeInterfaceName(workload);
}

/** The name to take when another workload's interface already has the one of {@link hostInterfaceName}. */
export function alternativeInterfaceName(workload: Workload): string {
  return `cali${hash(`${workload.containerId}/${workload.endpoint}`)}`;
}
