import { existsSync } from 'node:fs';
import { sleep } from '@calico-node/service';
import { parseIp, parseMac, parseNodeName } from '@calico-node/net';
import { rehearseWiring, type AddressRequest, type Premises } from '@calico-node/workload';
import { buildEndpoint } from '../endpoint/build-endpoint.ts';
import type { Workload } from '../endpoint/workload.ts';
import { felixEndpointId } from '../felix/endpoint-id.ts';
import type { HandlerContext } from '../handlers/context.ts';
import { parseEnvironment } from '../spec/environment.ts';
import { decodeDocument, parseNetworkConfig } from '../spec/network-config.ts';
import { emptyResult, renderResult } from '../spec/result.ts';
import type { Store } from '../store/stores.ts';
import { encodeAnswer, encodeRequest, parseRequest } from './frame.ts';

/** Who nobody is. */
const nobody: Workload = { orchestrator: 'cni', namespace: 'default', containerId: 'none', endpoint: 'none' };
/** How often: until the code is not new to the engine. */
const times = 12;
/** How long the node's other services may take to come up. */
const servicesMs = 5000;
const pollMs = 50;
const felixTimeoutMs = 200;
const storeTimeoutMs = 5000;

const request: AddressRequest = {
  node: parseNodeName('none'),
  handleId: 'none',
  attributes: { node: 'none', timestamp: '' },
  // The service looks for what the handle holds, and takes nothing.
  ipv4: 0,
  ipv6: 0,
  ipv4Pools: [],
  ipv6Pools: [],
  namespace: undefined,
};

const variables = {
  CNI_COMMAND: 'ADD',
  CNI_CONTAINERID: 'none',
  CNI_NETNS: '/none',
  CNI_IFNAME: 'eth0',
  CNI_PATH: '/none',
};
const stdin = JSON.stringify({ cniVersion: '1.0.0', name: 'none', type: 'calico', ipam: { type: 'calico-ipam' } });

/** A premise that never holds: the first write to a store has revision 2. */
function never({ cluster }: Premises): Premises {
  return { cluster: { ...cluster, metadata: { ...cluster.metadata, resourceVersion: '1' } }, profile: undefined };
}

/** Waits for services that start beside this one. */
async function waitForSockets(sockets: readonly string[], signal: AbortSignal): Promise<void> {
  for (
    let left = servicesMs;
    left > 0 && !signal.aborted && !sockets.every((path) => existsSync(path));
    left -= pollMs
  ) {
    await sleep(pollMs, signal);
  }
}

/** What a call says, read; and an answer, written. */
function rehearseProtocol(): void {
  const parsed = parseRequest(encodeRequest({ program: 'calico', variables, stdin }));
  if (parsed.state !== 'complete') return;
  parseEnvironment(parsed.call.variables);
  const { cniVersion } = parseNetworkConfig(decodeDocument(parsed.call.stdin));
  const ips = [{ ip: parseIp('192.0.2.1'), prefixLength: 32, interface: 0 }];
  encodeAnswer({ stdout: renderResult({ ...emptyResult, ips }, cniVersion), exitCode: 0 });
}

/** Asks for nothing, as for an address and an endpoint; creates an endpoint on a premise that never holds. */
async function rehearseStore(store: Store, premises: Premises, isServed: boolean, signal: AbortSignal): Promise<void> {
  const { endpoints, addresses } = store;
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
  const draft = endpoints.draft(endpoint, never(premises));
  if (isServed) await addresses.assignTogether(request, draft, signal);
  else await endpoints.createNew(endpoint, never(premises), { signal, timeoutMs: storeTimeoutMs });
}

/**
 * Does what the first ADDs would otherwise be the first to do: connects to the store, the IPAM service and Felix, and
 * runs the code until the engine has compiled it. Nothing is changed anywhere: no address is asked for, the store refuses
 * the endpoint, and the interfaces are in namespaces of their own. Whatever fails here will be said when it matters.
 */
export async function warmUp({ paths, stores, felix, log }: HandlerContext, signal: AbortSignal): Promise<void> {
  try {
    const store = stores.open({});
    const options = { signal, timeoutMs: storeTimeoutMs };
    await waitForSockets([paths.ipamSocket, paths.felixSocket], signal);
    const premises = await store.endpoints.premises(undefined, options);
    const isServed = existsSync(paths.ipamSocket);
    for (let index = 0; index < times && !signal.aborted; index++) {
      using early = felix.anticipate({ id: felixEndpointId(nobody), timeoutMs: felixTimeoutMs, signal });
      early.upAt.catch(() => undefined);
      rehearseProtocol();
      if (premises !== undefined) await rehearseStore(store, premises, isServed, signal);
    }
    // The service answers for the handle of nobody once it has read the node's blocks.
    if (isServed) await store.addresses.release('none', signal);
    rehearseWiring();
  } catch (error) {
    log.debug({ err: error }, 'could not rehearse ahead of the first call');
  }
}
