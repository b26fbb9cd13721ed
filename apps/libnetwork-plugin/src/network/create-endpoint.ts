import { networkProfile } from '@calico-node/workload';
import { endpointLabels } from '../protocol/network-options.ts';
import { parseCreateEndpoint } from '../protocol/network-requests.ts';
import { PluginError } from '../protocol/plugin-error.ts';
import type { Reply } from '../protocol/replies.ts';
import { changeEndpoint } from './change-endpoint.ts';
import type { NetworkContext } from './context.ts';
import { buildEndpoint, endpointName, hostInterfaceName } from './endpoint.ts';

async function ensureProfile(context: NetworkContext, networkId: string, signal: AbortSignal): Promise<string> {
  const name = await context.networks.profileOf(networkId, { signal });
  if (name === undefined) {
    throw new PluginError(
      'not-found',
      `no IP pool is noted for network ${networkId}: its annotation is gone from the store; create the network anew`,
    );
  }
  await context.endpoints.ensureProfile(networkProfile(name), { signal });
  return name;
}

/**
 * Stores a container's endpoint. Felix then knows its policy before there is an interface. Asked again it brings the
 * stored one up to date.
 */
export async function createEndpoint(context: NetworkContext, body: unknown, signal: AbortSignal): Promise<Reply> {
  const { networkId, endpointId, addresses, mac, options } = parseCreateEndpoint(body);
  const { node, config, endpoints, log } = context;
  if (addresses.length === 0) {
    throw new PluginError('invalid', 'the endpoint has no address: create the network with --ipam-driver calico-ipam');
  }
  if (!(await endpoints.isReady({ signal }))) {
    throw new PluginError('not-ready', 'Calico is currently not ready to process requests');
  }
  const profile = config.createsProfiles ? await ensureProfile(context, networkId, signal) : undefined;
  const labels = endpointLabels(options);
  const interfaceName = hostInterfaceName(config.hostPrefix, endpointId);
  const facts = { node, endpointId, interfaceName, addresses, mac, profile, labels };
  await changeEndpoint(endpoints, endpointName(node, endpointId), (stored) => buildEndpoint(facts, stored), signal);
  log.info({ networkId, endpointId, addresses }, 'created an endpoint');
  return { Interface: {} };
}
