import type { NodeName } from '@calico-node/net';
import type { WireguardDevice } from '@calico-node/netlink/wireguard';
import { Gauge, type Registry } from 'prom-client';

const peerGauges = {
  wireguard_bytes_rcvd: 'Bytes that came encrypted from a peer.',
  wireguard_bytes_sent: 'Bytes that went encrypted to a peer.',
  wireguard_latest_handshake_seconds: 'When a peer last agreed on a key with us, Unix time; 0: never.',
} as const;

/** WireGuard's devices and peers, under Calico's names; read from the kernel when they are asked for. */
export function wireguardMetrics(
  registry: Registry,
  hostname: NodeName,
  devices: () => readonly WireguardDevice[],
): Disposable {
  const registers = [registry];
  new Gauge({
    name: 'wireguard_meta',
    help: 'WireGuard devices; always 1.',
    labelNames: ['hostname', 'public_key', 'iface', 'listen_port'],
    registers,
    collect() {
      this.reset();
      for (const { name, publicKey = '', listenPort } of devices()) {
        this.set({ hostname, public_key: publicKey, iface: name, listen_port: listenPort }, 1);
      }
    },
  });
  for (const [name, help] of Object.entries(peerGauges)) {
    new Gauge({
      name,
      help,
      labelNames: ['hostname', 'public_key', 'peer_key', 'peer_endpoint'],
      registers,
      collect() {
        this.reset();
        for (const { publicKey = '', peers } of devices()) {
          for (const peer of peers) {
            const { endpoint } = peer;
            const at = endpoint === undefined ? '' : `${bracketed(endpoint.ip)}:${endpoint.port}`;
            const labels = { hostname, public_key: publicKey, peer_key: peer.publicKey, peer_endpoint: at };
            this.set(labels, valueOf(name, peer));
          }
        }
      },
    });
  }
  return {
    [Symbol.dispose]: () => {
      for (const name of ['wireguard_meta', ...Object.keys(peerGauges)]) registry.removeSingleMetric(name);
    },
  };
}

function valueOf(name: string, peer: WireguardDevice['peers'][number]): number {
  switch (name) {
    case 'wireguard_bytes_rcvd':
      return Number(peer.receivedBytes);
    case 'wireguard_bytes_sent':
      return Number(peer.sentBytes);
    default:
      return peer.lastHandshakeSeconds;
  }
}

function bracketed(ip: string): string {
  return ip.includes(':') ? `[${ip}]` : ip;
}
