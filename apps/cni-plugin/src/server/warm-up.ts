import { existsSync } from 'node:fs';
import { parseIp, parseMac, parseNodeName } from '@calico-node/net';
import { rehearseWiring, type Premises } from '@calico-node/workload';
import { buildEndpoint } from '../endpoint/build-endpoint.ts';
import type { Workload } from '../endpoint/workload.ts';
import { felixEndpointId } from '../felix/endpoint-id.ts';
import type { HandlerContext } from '../handlers/context.ts';
import type { Store } from '../store/stores.ts';

/** Who nobody is. */
const nobody: Workload = { orchestrator: 'cni', namespace: 'default', containerId: 'none', endpoint: 'none' };
const felixTimeoutMs = 200;
const storeTimeoutMs = 5000;

/** Tries to create an endpoint on a premise that never holds: the first write to a store has revision 2. */
async function rehearseCreation({ endpoints }: Store, { cluster }: Premises, signal: AbortSignal): Promise<void> {
  const never = { ...cluster, metadata: { ...cluster.metadata, resourceVersion: '1' } };
  const endpoint = buildEndpoint(
    {
      node: parseNodeName('none'),
      workload: nobody,
      description: { source: 'configuration', labels: {}, profiles: ['none'], wishes: {} },
      addresses: [parseIp('192.0.2.1')],
      interfaceName: 'calinone',
      mac: parseMac('02:00:00:00:00:01'),
    },
    undefined,
  );
  const options = { signal, timeoutMs: storeTimeoutMs };
  await endpoints.createNew(endpoint, { cluster: never, profile: undefined }, options);
  await endpoints.premises(undefined, options);
}

/**
 * Does what the first ADD would otherwise be the first to do: connects to the store, the IPAM service and Felix, and
 * runs the code until the engine has compiled it. Nothing is changed anywhere: the store refuses the endpoint, nothing is
 * held by the handle that is released, and the interfaces are in namespaces of their own. Whatever fails here will be
 * said when it matters.
 */
export async function warmUp({ paths, stores, felix, log }: HandlerContext, signal: AbortSignal): Promise<void> {
  try {
    const store = stores.open({});
    const options = { signal, timeoutMs: storeTimeoutMs };
    using early = felix.anticipate({ id: felixEndpointId(nobody), timeoutMs: felixTimeoutMs, signal });
    const [premises] = await Promise.all([
      store.endpoints.premises(undefined, options),
      // The service answers for the addresses of nobody once it has read the node's blocks.
      existsSync(paths.ipamSocket) ? store.addresses.release('none', signal) : undefined,
      early.upAt,
    ]);
    if (premises !== undefined) await rehearseCreation(store, premises, signal);
    rehearseWiring();
  } catch (error) {
    log.debug({ err: error }, 'could not rehearse ahead of the first call');
  }
}
