import { parseWorkloadEndpointName, type Resource } from '@calico-node/model';
import { parseIp, tryParseIp, type IpAddress } from '@calico-node/net';
import type { CallOptions } from '../backend.ts';
import { isDatastoreError } from '../errors.ts';
import type { IpamCleanup } from './ipam-cleanup.ts';
import type { Resources } from './resources.ts';

/**
 * Deletes what belongs to a node, as Calico's client does before the Node itself: its workload
 * endpoints with their addresses, its tunnels' addresses, its blocks, and configuration made for it.
 */
export async function deleteWithNode(
  resources: Resources,
  ipam: IpamCleanup,
  name: string,
  options: CallOptions,
): Promise<void> {
  const node = await resources.get('Node', name, undefined, options);
  const endpoints = (await resources.list('WorkloadEndpoint', undefined, options)).items.filter(
    (endpoint) => parseWorkloadEndpointName(endpoint.metadata.name)?.node === name,
  );
  const ips = [...endpoints.flatMap(({ spec }) => spec.ipNetworks ?? []).map(hostPart), ...tunnelAddresses(node)];
  const known = ips.flatMap((ip) => (ip === undefined ? [] : [{ ip }]));
  if (known.length > 0) await ipam.releaseIps(known);
  for (const { kind, metadata } of endpoints) await remove(resources, kind, metadata, options);
  await ipam.releaseHostAffinities(name);
  for (const { kind, metadata, spec } of (await resources.list('BGPPeer', undefined, options)).items) {
    if (spec.node === name) await remove(resources, kind, metadata, options);
  }
  for (const kind of ['FelixConfiguration', 'BGPConfiguration'] as const) {
    await remove(resources, kind, { name: `node.${name}` }, options);
  }
  for (const { kind, metadata, spec } of (await resources.list('HostEndpoint', undefined, options)).items) {
    if (spec.node === name) await remove(resources, kind, metadata, options);
  }
}

function tunnelAddresses({ spec }: Resource<'Node'>): (IpAddress | undefined)[] {
  const texts = [spec.bgp?.ipv4IPIPTunnelAddr, spec.ipv4VXLANTunnelAddr, spec.wireguard?.interfaceIPv4Address];
  return texts.map((text) => (text === undefined || text === '' ? undefined : tryParseIp(text)));
}

/** The address of `10.0.0.5/32`. */
function hostPart(network: string): IpAddress | undefined {
  const text = network.split('/', 1)[0] ?? '';
  return tryParseIp(text) === undefined ? undefined : parseIp(text);
}

/** Deletes; that it is gone already is well. */
async function remove(
  resources: Resources,
  kind: 'WorkloadEndpoint' | 'BGPPeer' | 'FelixConfiguration' | 'BGPConfiguration' | 'HostEndpoint',
  { name, namespace }: { readonly name: string; readonly namespace?: string | undefined },
  options: CallOptions,
): Promise<void> {
  const { signal, timeoutMs } = options;
  try {
    await resources.delete(kind, name, namespace, { signal, timeoutMs });
  } catch (error) {
    if (!isDatastoreError(error, 'not-found')) throw error;
  }
}
