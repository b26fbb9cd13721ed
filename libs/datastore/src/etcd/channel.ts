import { rootCertificates } from 'node:tls';
import { credentials, type ChannelCredentials, type ChannelOptions } from '@grpc/grpc-js';
import type { EtcdConfig } from '../config.ts';

/**
 * How every connection to etcd behaves: an etcd that returns is used within half a second; a silent
 * one is given up after 40 s (keep-alive every 30 s, answer within 10 s, as Calico's client). Each
 * client has connections of its own, so that a fresh client never inherits a stalled one.
 */
export const channelOptions: ChannelOptions = {
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 500,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_http_proxy': 0,
  'grpc.enable_channelz': 0,
  'grpc.service_config_disable_resolution': 1,
};

/** The TLS material in the form that etcd3 takes; nothing when the defaults do. Node.js refuses TLS below 1.2. */
export function tlsMaterial(
  config: EtcdConfig,
): { rootCertificate: Buffer; privateKey?: Buffer; certChain?: Buffer } | undefined {
  const { ca, key, cert } = config.tls;
  if (ca === undefined && key === undefined) return undefined;
  return {
    rootCertificate: Buffer.from(ca ?? rootCertificates.join('\n')),
    ...(key === undefined ? {} : { privateKey: Buffer.from(key) }),
    ...(cert === undefined ? {} : { certChain: Buffer.from(cert) }),
  };
}

/** Credentials for our own channels, the same as etcd3 makes of {@link tlsMaterial}. */
export function channelCredentials(config: EtcdConfig, secure: boolean): ChannelCredentials {
  if (!secure) return credentials.createInsecure();
  const material = tlsMaterial(config);
  return credentials.createSsl(material?.rootCertificate, material?.privateKey, material?.certChain);
}
