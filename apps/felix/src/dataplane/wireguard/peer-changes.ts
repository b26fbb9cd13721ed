import type { WireguardKey } from '@calico-node/net';
import type { WireguardDevice, WireguardPeer, WireguardPeerChange } from '@calico-node/netlink/wireguard';
import type { WantedPeer } from './wireguard-plan.ts';

export interface PeerSettings {
  /** Every node listens on the same one. */
  readonly port: number;
  readonly keepaliveSeconds: number;
}

/** What makes a device know these peers as they should be. Removals first: a network may go on to another peer. */
export function peerChanges(
  keys: Iterable<WireguardKey>,
  peerOf: (key: WireguardKey) => WantedPeer | undefined,
  actual: ReadonlyMap<WireguardKey, WireguardPeer>,
  settings: PeerSettings,
): readonly WireguardPeerChange[] {
  const changes = [...new Set(keys)].flatMap((key) => changeOf(key, peerOf(key), actual.get(key), settings) ?? []);
  return changes.toSorted((a, b) => Number(b.remove === true) - Number(a.remove === true));
}

export function peersOf(device: WireguardDevice): ReadonlyMap<WireguardKey, WireguardPeer> {
  return new Map(device.peers.map((peer) => [peer.publicKey, peer]));
}

function changeOf(
  publicKey: WireguardKey,
  wanted: WantedPeer | undefined,
  actual: WireguardPeer | undefined,
  { port, keepaliveSeconds }: PeerSettings,
): WireguardPeerChange | undefined {
  if (wanted === undefined) return actual && { publicKey, remove: true };
  const { ip, allowedIps } = wanted;
  const hasEndpoint = actual?.endpoint?.ip === ip && actual.endpoint.port === port;
  const hasKeepalive = actual?.keepaliveSeconds === keepaliveSeconds;
  const hasNetworks =
    actual?.allowedIps.length === allowedIps.size && actual.allowedIps.every((cidr) => allowedIps.has(cidr));
  if (hasEndpoint && hasKeepalive && hasNetworks) return undefined;
  return {
    publicKey,
    ...(hasEndpoint ? {} : { endpoint: { ip, port } }),
    ...(hasKeepalive ? {} : { keepaliveSeconds }),
    ...(hasNetworks ? {} : { allowedIps: [...allowedIps] }),
  };
}
