import type { Node } from '@calico-node/model';
import { parseIp, parseWireguardKey, type WireguardKey } from '@calico-node/net';
import type { HostUpdate, WireguardEnd } from '../intents.ts';

/** What a node says of its WireGuard devices; a key that is none counts as none. Throws NetParseError. */
export function wireguardOf(
  { wireguard }: Node['spec'],
  status: Node['status'],
): Pick<HostUpdate, 'wireguard4' | 'wireguard6'> {
  const wireguard4 = endOf(status?.wireguardPublicKey, wireguard?.interfaceIPv4Address);
  const wireguard6 = endOf(status?.wireguardPublicKeyV6, wireguard?.interfaceIPv6Address);
  return {
    ...(wireguard4 === undefined ? {} : { wireguard4 }),
    ...(wireguard6 === undefined ? {} : { wireguard6 }),
  };
}

function endOf(key: string | undefined, address: string | undefined): WireguardEnd | undefined {
  const publicKey = tryParseKey(key ?? '');
  if (publicKey === undefined && !address) return undefined;
  return {
    ...(publicKey === undefined ? {} : { publicKey }),
    ...(address ? { address: parseIp(address) } : {}),
  };
}

function tryParseKey(text: string): WireguardKey | undefined {
  try {
    return parseWireguardKey(text);
  } catch {
    return undefined;
  }
}
