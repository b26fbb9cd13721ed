import type { WorkloadEndpoint } from '@calico-node/model';
import { removeHostEnd } from '@calico-node/workload';
import type { Plugin } from '../http/plugin-server.ts';
import { parseEndpointRequest, parseNetworkId } from '../protocol/network-requests.ts';
import { emptyReply, type Reply } from '../protocol/replies.ts';
import { changeEndpoint } from './change-endpoint.ts';
import type { NetworkContext } from './context.ts';
import { createEndpoint } from './create-endpoint.ts';
import { createNetwork } from './create-network.ts';
import { endpointName, hostInterfaceName, libnetwork } from './endpoint.ts';
import { sandboxAnnotation } from './garbage.ts';
import { join } from './join.ts';

async function deleteNetwork({ networks, log }: NetworkContext, body: unknown, signal: AbortSignal): Promise<Reply> {
  const networkId = parseNetworkId(body);
  await networks.forgetNetwork(networkId, { signal });
  log.info({ networkId }, 'deleted a network');
  return emptyReply;
}

function withoutSandbox(stored: WorkloadEndpoint | undefined): WorkloadEndpoint | undefined {
  if (stored === undefined) return undefined;
  const { [sandboxAnnotation]: _, ...annotations } = stored.metadata.annotations ?? {};
  return { ...stored, metadata: { ...stored.metadata, annotations } };
}

/** Takes the interface away; one that is gone is well. */
async function leave(context: NetworkContext, body: unknown, signal: AbortSignal): Promise<Reply> {
  const { node, config, endpoints, log } = context;
  const { networkId, endpointId } = parseEndpointRequest(body);
  await changeEndpoint(endpoints, endpointName(node, endpointId), withoutSandbox, signal);
  await removeHostEnd(hostInterfaceName(config.hostPrefix, endpointId));
  log.info({ networkId, endpointId }, 'an endpoint left its container');
  return emptyReply;
}

/** Removes the endpoint, then what a Leave that never came has left. What is gone is well. */
async function deleteEndpoint(
  { node, config, endpoints, log }: NetworkContext,
  body: unknown,
  signal: AbortSignal,
): Promise<Reply> {
  const { networkId, endpointId } = parseEndpointRequest(body);
  await endpoints.remove(libnetwork, endpointName(node, endpointId), () => true, { signal });
  await removeHostEnd(hostInterfaceName(config.hostPrefix, endpointId));
  log.info({ networkId, endpointId }, 'deleted an endpoint');
  return emptyReply;
}

/** The network driver `calico`. */
export function networkDriver(context: NetworkContext): Plugin {
  const nothing = (): Reply => emptyReply;
  return {
    implements: 'NetworkDriver',
    methods: {
      GetCapabilities: () => ({ Scope: context.config.scope, ConnectivityScope: 'global' }),
      CreateNetwork: (body, signal) => createNetwork(context, body, signal),
      DeleteNetwork: (body, signal) => deleteNetwork(context, body, signal),
      CreateEndpoint: (body, signal) => createEndpoint(context, body, signal),
      DeleteEndpoint: (body, signal) => deleteEndpoint(context, body, signal),
      EndpointOperInfo: () => ({ Value: {} }),
      Join: (body, signal) => join(context, body, signal),
      Leave: (body, signal) => leave(context, body, signal),
      AllocateNetwork: nothing,
      FreeNetwork: nothing,
      DiscoverNew: nothing,
      DiscoverDelete: nothing,
      ProgramExternalConnectivity: nothing,
      RevokeExternalConnectivity: nothing,
    },
  };
}
