import { changeResource, type Resources } from '@calico-node/datastore';
import { isIpamError, type Ipam } from '@calico-node/ipam';
import { objectIn, textIn, type KubernetesClient } from '@calico-node/kubernetes';
import type { Node } from '@calico-node/model';
import { addToIp, familyOf, parseCidrLoose, splitCidr, type IpAddress, type NodeName } from '@calico-node/net';

/** The first address of the range that Kubernetes gave the node: with `host-local` the IP-in-IP tunnel's. */
async function tunnelAddress(
  client: KubernetesClient,
  node: NodeName,
  signal: AbortSignal,
): Promise<IpAddress | undefined> {
  const found = objectIn(await client.get(`/api/v1/nodes/${encodeURIComponent(node)}`, signal));
  const { podCIDR } = objectIn(found['spec']);
  const range = parseCidrLoose(textIn(podCIDR));
  return familyOf(range) === 4 ? addToIp(splitCidr(range).ip, 1) : undefined;
}

/** Takes the IP-in-IP tunnel's address over into IPAM and into the Node, unless that has one already. */
export async function migrateTunnelAddress(
  resources: Resources,
  ipam: Ipam,
  openClient: () => KubernetesClient,
  node: NodeName,
  signal: AbortSignal,
): Promise<IpAddress | undefined> {
  const stored = await resources.get('Node', node, undefined, { signal });
  if ((stored.spec.bgp?.ipv4IPIPTunnelAddr ?? '') !== '') return undefined;
  const ip = await tunnelAddress(openClient(), node, signal);
  if (ip === undefined) return undefined;
  try {
    await ipam.assignIp({
      ip,
      nodeName: node,
      handleId: `ipip-tunnel-addr-${node}`,
      attributes: { node, type: 'ipipTunnelAddress' },
      signal,
    });
  } catch (error) {
    if (!isIpamError(error, 'already-assigned')) throw error;
  }
  const change = (old: Node): Node => ({
    ...old,
    spec: { ...old.spec, bgp: { ...old.spec.bgp, ipv4IPIPTunnelAddr: ip } },
  });
  await changeResource(resources, 'Node', node, change, { signal });
  return ip;
}
