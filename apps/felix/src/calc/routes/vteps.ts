import { createHash } from 'node:crypto';
import type { Node } from '@calico-node/model';
import { macFromBytes, parseIp, parseMac, type Family, type Mac, type NodeName } from '@calico-node/net';
import type { HostUpdate, VxlanEndpoint } from '../intents.ts';

/**
 * The hardware address of a node's VXLAN device where its Node resource gives none, as Felix derives it: 0x66 and the
 * first five bytes of the SHA-1 of the name, for IPv6 of the name with `-v6` behind it.
 */
export function vxlanMac(node: NodeName, family: Family): Mac {
  const digest = createHash('sha1')
    .update(family === 4 ? node : `${node}-v6`)
    .digest();
  return macFromBytes(Uint8Array.of(0x66, ...digest.subarray(0, 5)));
}

/** The addresses that a node's tunnel devices have. Throws NetParseError. */
export function tunnelsOf(
  { bgp, ...spec }: Node['spec'],
  node: NodeName,
): Pick<HostUpdate, 'vxlan4' | 'vxlan6' | 'ipipAddress'> {
  const vxlan4 = endpointOf(spec.ipv4VXLANTunnelAddr, spec.vxlanTunnelMACAddr, vxlanMac(node, 4));
  const vxlan6 = endpointOf(spec.ipv6VXLANTunnelAddr, spec.vxlanTunnelMACAddrV6, vxlanMac(node, 6));
  return {
    ...(vxlan4 === undefined ? {} : { vxlan4 }),
    ...(vxlan6 === undefined ? {} : { vxlan6 }),
    ...(bgp?.ipv4IPIPTunnelAddr ? { ipipAddress: parseIp(bgp.ipv4IPIPTunnelAddr) } : {}),
  };
}

function endpointOf(address: string | undefined, mac: string | undefined, derived: Mac): VxlanEndpoint | undefined {
  if (!address) return undefined;
  return { address: parseIp(address), mac: mac ? parseMac(mac) : derived };
}
