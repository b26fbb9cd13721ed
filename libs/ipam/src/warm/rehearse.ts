import type { Backend, CallOptions, Guard } from '@calico-node/datastore';
import { API_VERSION, ipamConfigKey, type WorkloadEndpoint } from '@calico-node/model';
import { cidrOf, splitCidr, type Cidr } from '@calico-node/net';
import { hostAffinity, newBlock } from '../block.ts';
import { systemClock } from '../clock.ts';
import { BlockClaims } from './block-claims.ts';
import { commitOf } from './commit.ts';
import { Draft, type OwnBlock } from './draft.ts';
import { loadReference } from './reference.ts';

/** How often: until the code is not new to the engine. */
const times = 12;
/** No object was ever last written at it: the first write to a store makes revision 2. */
const never = 1n;
/** No commit holds with this. */
const refused: Guard = { type: 'key', key: ipamConfigKey, revision: never };

function endpointOf(nodeName: string): WorkloadEndpoint {
  return {
    kind: 'WorkloadEndpoint',
    apiVersion: API_VERSION,
    metadata: { name: 'none', namespace: 'default', labels: { none: '' } },
    spec: { node: nodeName, orchestrator: 'cni', endpoint: 'eth0', containerID: 'none', profiles: ['none'] },
  };
}

/**
 * Draws up allocations from a block that nobody has, and claims, and has the store refuse each of them: so that the first real ones
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
  const claims = new BlockClaims(nodeName, reference, new Set(), systemClock());
  for (let index = 0; index < times; index++) {
    const isClaim = index % 2 === 1;
    const draft = new Draft(isClaim ? new Map() : own, isClaim ? claims : undefined, reference, nodeName, {
      seconds: 0,
      now: 0,
    });
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
    const commit = commitOf(draft, reference, nodeName);
    await backend.commit?.({ ...commit, guards: [...commit.guards, refused] }, options);
    const taken = draft.blocks.get(cidr);
    if (taken !== undefined && !isClaim)
      own.set(cidr, { value: taken.block, revision: never, affinityRevision: never });
  }
}
