import { tryParseCidr } from '@calico-node/net';
import { unsupportedOptions } from '../protocol/network-options.ts';
import { parseCreateNetwork, type CreateNetworkRequest } from '../protocol/network-requests.ts';
import { PluginError } from '../protocol/plugin-error.ts';
import { emptyReply, noGateway, type Reply } from '../protocol/replies.ts';
import type { NetworkContext } from './context.ts';
import { networksOf } from './pool-networks.ts';

/** @throws PluginError `unsupported` for what Calico networks do not have. */
function requireCalico({ options, ipv4, ipv6 }: CreateNetworkRequest): void {
  const unsupported = unsupportedOptions(options);
  if (unsupported.length > 0) {
    throw new PluginError('unsupported', `Calico driver does not support the flag(s) ${unsupported.join(', ')}`);
  }
  const isForeign =
    ipv4.some(({ gateway }) => gateway !== noGateway[4]) ||
    ipv6.some(({ addressSpace }) => !addressSpace.startsWith('Calico'));
  if (isForeign) {
    throw new PluginError(
      'unsupported',
      'Non-Calico IPAM driver is used: create the network with --ipam-driver calico-ipam, and without --gateway',
    );
  }
}

/** Notes the network with the IP pools that it was given, or by a profile of its own when it takes any. */
export async function createNetwork(context: NetworkContext, body: unknown, signal: AbortSignal): Promise<Reply> {
  const request = parseCreateNetwork(body);
  requireCalico(request);
  const { networks, node, log } = context;
  const { networkId } = request;
  const wanted = [...request.ipv4, ...request.ipv6].map(({ pool }) => pool).filter(isOnePool);
  for (const text of wanted) {
    const cidr = tryParseCidr(text);
    const pool = cidr === undefined ? undefined : await networks.poolOf(cidr, { signal });
    if (pool === undefined) throw new PluginError('not-found', `there is no IP pool ${text}`);
    const others = Object.entries(networksOf(pool)).filter(([id, owner]) => owner === node && id !== networkId);
    if (others.length > 0) {
      const facts = { pool: pool.metadata.name, networkId, others: others.map(([id]) => id) };
      log.warn(facts, 'two networks of one IP pool share its profile: their containers reach each other');
    }
    await networks.noteNetwork(pool, networkId, node, { signal });
  }
  if (wanted.length === 0) await networks.noteNetworkWithoutPool(networkId, { signal });
  log.info({ networkId, pools: wanted }, 'created a network');
  return emptyReply;
}

function isOnePool(pool: string): boolean {
  return pool !== '' && pool !== noGateway[4] && pool !== noGateway[6];
}
