import type { Backend } from '@calico-node/datastore';
import { splitCidr } from '@calico-node/net';
import { Backoff, type Logger, sleep } from '@calico-node/service';
import type { LocalWorkloadEndpoint } from '../../calc/intents.ts';

export interface ArrivalOptions {
  readonly backend: Backend;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * Tells IPAM that a virtual machine runs in one of this host's pods now. Tried again until the store takes it, or until
 * the machine is not expected here any more.
 */
export async function tellArrival(
  { identity, addresses }: LocalWorkloadEndpoint,
  isStillHere: () => boolean,
  { backend, log, signal }: ArrivalOptions,
): Promise<void> {
  // Others' machines, such as OpenStack's, have their addresses from elsewhere.
  if (identity.orchestratorId !== 'k8s') return;
  const [namespace = '', pod = ''] = identity.workloadId.split('/');
  const ips = addresses.map((cidr) => splitCidr(cidr).ip);
  const backoff = new Backoff(100, 5000);
  while (!signal.aborted && isStillHere()) {
    try {
      // Rare, and IPAM is not small.
      const { takeOwnership } = await import('./migration-owner.ts');
      await takeOwnership(backend, { namespace, pod }, ips, signal);
      log.info({ namespace, pod, addresses: ips }, 'a virtual machine has moved here and is the active owner');
      return;
    } catch (error) {
      log.warn({ err: error, namespace, pod }, 'could not tell IPAM that a virtual machine has moved here');
      await sleep(backoff.nextMs(), signal);
    }
  }
}
