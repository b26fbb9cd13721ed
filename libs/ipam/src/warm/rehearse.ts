import type { Backend, CallOptions } from '@calico-node/datastore';
import { API_VERSION, type WorkloadEndpoint } from '@calico-node/model';
import { cidrOf, splitCidr, type Cidr } from '@calico-node/net';
import { hostAffinity, newBlock } from '../block.ts';
import { commitOf } from './commit.ts';
import { Draft, type OwnBlock } from './draft.ts';
import { loadReference } from './reference.ts';

/** How often: until the code is not new to the engine. */
const times = 12;
/** No object was ever last written at it: the first write to a store makes revision 2. */
const never = 1n;

function endpointOf(nodeName: string): WorkloadEndpoint {
  return {
    kind: 'WorkloadEndpoint',
    apiVersion: API_VERSION,
    metadata: { name: 'none', namespace: 'default', labels: { none: '' } },
    spec: { node: nodeName, orchestrator: 'cni', endpoint: 'eth0', containerID: 'none', profiles: ['none'] },
  };
}

/**
 * Draws up allocations from a block that nobody has, and has the store refuse each of them: so that the first real ones
 * do not wait for connections and until the code is compiled. Nothing is changed anywhere.
 *
 * @throws DatastoreError
 */
export async function rehearseAllocations(
  backend: Backend,
  nodeName: string,
  options: CallOptions = {},
): Promise<void> {
  const reference = await loadReference(backend, nodeName, options);
  const pool = reference.pools.find(({ family, isEnabled }) => family === 4 && isEnabled);
  if (pool === undefined) return;
  const cidr = cidrOf(splitCidr(pool.cidr).ip, pool.blockSize);
  const value = newBlock(cidr, hostAffinity(nodeName), '', 0n);
  const own = new Map<Cidr, OwnBlock>([[cidr, { value, revision: never, affinityRevision: never }]]);
  for (let index = 0; index < times; index++) {
    const draft = new Draft(own, reference, nodeName, { seconds: 0, now: 0 });
    const request = {
      type: 'assign',
      num4: 1,
      num6: 0,
      handleId: `none.${index}`,
      attributes: { node: nodeName, timestamp: '' },
      ipv4Pools: [],
      ipv6Pools: [],
      use: 'Workload',
    } as const;
    draft.assign(request, { endpoint: endpointOf(nodeName), premises: [] });
    const block = draft.blocks.get(cidr);
    if (block === undefined) return;
    const commit = commitOf(draft, { reference, blocks: own }, nodeName);
    await backend.commit?.(commit, options);
    own.set(cidr, { value: block, revision: never, affinityRevision: never });
  }
}
