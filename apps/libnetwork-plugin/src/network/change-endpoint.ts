import { isDatastoreError } from '@calico-node/datastore';
import type { WorkloadEndpoint } from '@calico-node/model';
import type { EndpointStore } from '@calico-node/workload';
import { libnetwork } from './endpoint.ts';

const attempts = 10;

/**
 * Writes an endpoint by what is stored: read, change, compare-and-swap, again when others wrote meanwhile.
 * `change` gives undefined to leave it.
 *
 * @returns the revision that carries it; undefined when it was left.
 */
export async function changeEndpoint(
  endpoints: EndpointStore,
  name: string,
  change: (stored: WorkloadEndpoint | undefined) => WorkloadEndpoint | undefined,
  signal: AbortSignal,
): Promise<bigint | undefined> {
  for (let attempt = 1; ; attempt++) {
    const stored = await endpoints.find(libnetwork, name, { signal });
    const wanted = change(stored);
    if (wanted === undefined) return undefined;
    try {
      return await endpoints.save(wanted, stored, { signal });
    } catch (error) {
      const isRace = isDatastoreError(error, 'conflict', 'already-exists', 'not-found');
      if (!isRace || attempt === attempts) throw error;
    }
  }
}
