import { isIpamError } from '@calico-node/ipam';
import type { IPPool } from '@calico-node/model';
import { familyOf, hostCidr, parseCidr, type Family, type IpAddress } from '@calico-node/net';
import { isRpcError } from '@calico-node/rpc';
import type { Logger } from '@calico-node/service';
import type { EndpointStore } from '@calico-node/workload';
import type { Plugin } from '../http/plugin-server.ts';
import type { EndpointGarbage } from '../network/garbage.ts';
import type { NetworkStore } from '../network/network-store.ts';
import { parseReleaseAddress, parseRequestAddress, parseRequestPool } from '../protocol/ipam-requests.ts';
import { PluginError } from '../protocol/plugin-error.ts';
import { emptyReply, noGateway, type Reply } from '../protocol/replies.ts';
import type { Addresses } from './addresses.ts';

export interface IpamContext {
  readonly addresses: Addresses;
  readonly networks: NetworkStore;
  readonly endpoints: EndpointStore;
  readonly garbage: EndpointGarbage;
  readonly log: Logger;
}

/** Stands for any pool of the family, in a network without `--subnet`. */
const anyPool: Readonly<Record<Family, string>> = { 4: 'CalicoPoolIPv4', 6: 'CalicoPoolIPv6' };

function describe(pools: readonly IPPool[]): string {
  if (pools.length === 0) return 'there are none';
  return pools.map(({ metadata, spec }) => `${spec.cidr} (${metadata.name})`).join(', ');
}

/** Finds the IP pool that is the user's `--subnet`. */
async function requestPool({ networks }: IpamContext, body: unknown, signal: AbortSignal): Promise<Reply> {
  const { family, pool: cidr } = parseRequestPool(body);
  const data = { 'com.docker.network.gateway': noGateway[family] };
  if (cidr === undefined) return { PoolID: anyPool[family], Pool: noGateway[family], Data: data };
  const pools = await networks.pools({ signal });
  const pool = pools.find(({ spec }) => parseCidr(spec.cidr) === cidr);
  if (pool === undefined) {
    throw new PluginError(
      'not-found',
      `--subnet ${cidr} is no Calico IP pool; the pools are: ${describe(pools)}. calicoctl creates pools`,
    );
  }
  if (pool.spec.disabled === true) {
    throw new PluginError('not-ready', `the IP pool ${pool.metadata.name} (${cidr}) is disabled`);
  }
  return { PoolID: pool.metadata.name, Pool: cidr, Data: data };
}

/** One that only an endpoint holds which Docker has forgotten is taken from it. */
async function assignSpecific({ addresses, garbage }: IpamContext, ip: IpAddress, signal: AbortSignal): Promise<void> {
  try {
    await addresses.assignSpecific(ip, signal);
  } catch (error) {
    const isTaken = isIpamError(error, 'already-assigned') || isRpcError(error, 'ALREADY_EXISTS');
    if (!isTaken || !(await garbage.reclaim(ip, signal))) throw error;
    await addresses.assignSpecific(ip, signal);
  }
}

/** Docker deletes the endpoint first: an address that one still has is not Docker's to give back. */
async function releaseAddress(
  { addresses, garbage, log }: IpamContext,
  body: unknown,
  signal: AbortSignal,
): Promise<Reply> {
  const ip = parseReleaseAddress(body);
  const holder = await garbage.holderOf(ip, signal);
  if (holder === undefined) await addresses.release(ip, signal);
  else log.warn({ ip, endpointId: holder.spec.endpoint }, 'kept an address that an endpoint still has');
  return emptyReply;
}

async function requestAddress(context: IpamContext, body: unknown, signal: AbortSignal): Promise<Reply> {
  const { poolId, address } = parseRequestAddress(body);
  const { addresses, networks, endpoints } = context;
  if (!(await endpoints.isReady({ signal }))) {
    throw new PluginError('not-ready', 'Calico is currently not ready to process requests');
  }
  if (address !== undefined) {
    await assignSpecific(context, address, signal);
    return { Address: hostCidr(address), Data: {} };
  }
  const families: readonly Family[] = [4, 6];
  const any = families.find((family) => anyPool[family] === poolId);
  if (any !== undefined) return { Address: hostCidr(await addresses.assign(any, undefined, signal)), Data: {} };
  const pool = (await networks.pools({ signal })).find(({ metadata }) => metadata.name === poolId);
  if (pool === undefined) throw new PluginError('not-found', `the IP pool ${poolId} does not exist any more`);
  const ip = await addresses.assign(familyOf(parseCidr(pool.spec.cidr)), poolId, signal);
  return { Address: hostCidr(ip), Data: {} };
}

/** The IPAM driver `calico-ipam`. */
export function ipamDriver(context: IpamContext): Plugin {
  return {
    implements: 'IpamDriver',
    methods: {
      GetCapabilities: () => ({ RequiresMACAddress: false }),
      GetDefaultAddressSpaces: () => ({
        LocalDefaultAddressSpace: 'CalicoLocalAddressSpace',
        GlobalDefaultAddressSpace: 'CalicoGlobalAddressSpace',
      }),
      RequestPool: (body, signal) => requestPool(context, body, signal),
      ReleasePool: () => emptyReply,
      RequestAddress: (body, signal) => requestAddress(context, body, signal),
      ReleaseAddress: (body, signal) => releaseAddress(context, body, signal),
    },
  };
}
