import { createHash } from 'node:crypto';
import { familyOf, tryParseIp, type IpAddress } from '@calico-node/net';

/**
 * The BGP identifier (RFC 4271 4.2): the operator's, else the node's IPv4 address, else one derived from
 * the node's name as Calico does for `hash`: four bytes of its SHA-256, below the multicast range.
 */
export function routerId(requested: string | undefined, nodeName: string, ipv4: IpAddress | undefined): string {
  if (requested !== undefined && requested !== '' && requested !== 'hash') {
    const ip = tryParseIp(requested);
    if (ip !== undefined && familyOf(ip) === 4) return ip;
  }
  if (requested !== 'hash' && ipv4 !== undefined) return ipv4;
  const [first = 0, ...rest] = createHash('sha256').update(nodeName).digest().subarray(0, 4);
  return [first > 223 ? first - 32 : first, ...rest].join('.');
}
