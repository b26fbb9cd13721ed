import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { GrpcChannel } from '@calico-node/rpc';
import type { EtcdConfig } from '../config.ts';
import { hostOf, serverName, type EtcdEndpoint } from './endpoints.ts';

/**
 * A connection to a member, made on first use: an etcd that returns is used within half a second; a silent one is
 * given up after 40 s (keep-alive every 30 s, answer within 10 s, as Calico's client). Each channel has a connection of
 * its own, so that a fresh one never inherits a stalled one. Node.js refuses TLS below 1.2.
 */
export function openChannel(config: EtcdConfig, endpoint: EtcdEndpoint): GrpcChannel {
  const { host, port } = hostOf(endpoint);
  const { secure, address: authority } = endpoint;
  const common = {
    authority,
    keepAlive: { timeMs: 30_000, timeoutMs: 10_000 },
    retryMs: { first: 100, most: 500 },
  };
  if (!secure) return new GrpcChannel({ ...common, connect: () => connectTcp({ host, port, noDelay: true }) });
  const options = { ...config.tls, ...serverName(host), ALPNProtocols: ['h2'] };
  return new GrpcChannel({
    ...common,
    scheme: 'https',
    connectedEvent: 'secureConnect',
    connect: () => connectTls({ host, port, ...options }).setNoDelay(true),
  });
}
