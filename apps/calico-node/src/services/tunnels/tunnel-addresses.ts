import { changeResource, type Resources } from '@calico-node/datastore';
import { isIpamError, type Ipam } from '@calico-node/ipam';
import type { Node } from '@calico-node/model';
import { cidrContains, familyOf, tryParseIp, type Cidr, type IpAddress } from '@calico-node/net';
import type { Logger } from '@calico-node/service';
import { tunnelKinds, tunnelPools, type TunnelKind } from './tunnel-kind.ts';

export interface TunnelContext {
  readonly nodeName: string;
  readonly resources: Resources;
  readonly ipam: Ipam;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Whether FelixConfiguration, the node's before the cluster's, has WireGuard encrypt the hosts' own traffic. */
async function encryptsHosts({ resources, nodeName, signal }: TunnelContext): Promise<boolean> {
  const { items } = await resources.list('FelixConfiguration', undefined, { signal });
  const settings = [`node.${nodeName}`, 'default'].map(
    (name) => items.find(({ metadata }) => metadata.name === name)?.spec.wireguardHostEncryptionEnabled,
  );
  return settings.find((setting) => setting !== undefined) ?? false;
}

/** Whether the address is ours in IPAM; undefined when it is nobody's. */
async function isOurs({ ipam, signal }: TunnelContext, ip: IpAddress, handleId: string): Promise<boolean | undefined> {
  try {
    return (await ipam.attributesOf(ip, signal)).handle_id === handleId;
  } catch (error) {
    if (isIpamError(error, 'not-assigned')) return undefined;
    throw error;
  }
}

/** Takes an address back that the Node names and IPAM has forgotten; false when somebody else got it. */
async function reclaim(
  { ipam, nodeName, signal }: TunnelContext,
  ip: IpAddress,
  owner: { readonly handleId: string; readonly attributes: Readonly<Record<string, string>> },
): Promise<boolean> {
  try {
    await ipam.assignIp({ ip, nodeName, ...owner, use: 'Tunnel', signal });
    return true;
  } catch (error) {
    if (isIpamError(error)) return false;
    throw error;
  }
}

/** The address that the node shall have in these pools, in IPAM by now. */
async function addressIn(
  context: TunnelContext,
  kind: TunnelKind,
  stored: IpAddress | undefined,
  pools: readonly Cidr[],
): Promise<IpAddress> {
  const { ipam, nodeName, signal, log } = context;
  const handleId = `${kind.handlePrefix}-${nodeName}`;
  const owner = { handleId, attributes: { node: nodeName, type: kind.attributeType } };
  const fits = (ip: IpAddress): boolean =>
    pools.some((cidr) => familyOf(cidr) === familyOf(ip) && cidrContains(cidr, ip));
  if (stored !== undefined && fits(stored)) {
    const ours = await isOurs(context, stored, handleId);
    if (ours === true || (ours === undefined && (await reclaim(context, stored, owner)))) return stored;
  }
  // Whatever the handle holds besides is of no use: left by a start that ended half way, or of pools that are no more.
  await ipam.releaseByHandle(handleId, signal);
  const { ipv4, ipv6, shortfall } = await ipam.autoAssign({
    ...(kind.family === 4 ? { num4: 1, ipv4Pools: pools } : { num6: 1, ipv6Pools: pools }),
    ...owner,
    nodeName,
    use: 'Tunnel',
    signal,
  });
  const ip = (kind.family === 4 ? ipv4 : ipv6)[0]?.ip;
  if (ip === undefined) throw shortfall ?? new Error(`IPAM gave no address for the ${kind.name} tunnel`);
  log.info({ tunnel: kind.name, ip }, 'took a tunnel address');
  return ip;
}

async function reconcile(context: TunnelContext, kind: TunnelKind, node: Node, pools: readonly Cidr[]): Promise<void> {
  const { ipam, nodeName, resources, signal, log } = context;
  const text = kind.read(node.spec);
  const set = async (address: string | undefined): Promise<void> => {
    await changeResource(resources, 'Node', nodeName, (one) => ({ ...one, spec: kind.write(one.spec, address) }), {
      signal,
    });
  };
  if (pools.length > 0) {
    const ip = await addressIn(context, kind, tryParseIp(text ?? ''), pools);
    if (ip !== text) await set(ip);
    return;
  }
  const released = await ipam.releaseByHandle(`${kind.handlePrefix}-${nodeName}`, signal);
  if (text !== undefined) await set(undefined);
  if (released.length > 0) log.info({ tunnel: kind.name, released }, 'gave a tunnel address back');
}

/**
 * Gives this node the tunnel addresses that the pools ask for, and takes back what they do not, in IPAM and in
 * the Node. Writes nothing when all is as it should be. One kind's failure does not keep the others.
 *
 * @throws IpamError or DatastoreError of the first kind that failed.
 */
export async function reconcileTunnels(context: TunnelContext): Promise<void> {
  const { resources, nodeName, signal } = context;
  const [{ items: pools }, hosts] = await Promise.all([
    resources.list('IPPool', undefined, { signal }),
    encryptsHosts(context),
  ]);
  const failures: unknown[] = [];
  for (const kind of tunnelKinds) {
    try {
      // Each time anew: the kind before has written to it.
      const node = await resources.get('Node', nodeName, undefined, { signal });
      await reconcile(context, kind, node, tunnelPools(kind, node, pools, { encryptsHosts: hosts }));
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
