/** What nodes tell Calico's Goldmane of their flows by. Rare, so that it has an entry point of its own. */
import { credentials } from '@grpc/grpc-js';
import { FlowCollectorClient } from './gen/goldmane/collector.ts';

export * from './gen/goldmane/collector.ts';

/** In PEM; what both ends of a connection show each other. */
export interface GoldmaneTls {
  readonly ca: Buffer;
  readonly certificate: Buffer;
  readonly key: Buffer;
}

/**
 * A client of the collector at `HOST:PORT`, or `unix:PATH`; without `tls` nothing is encrypted. Nothing is sent before
 * the first call. The caller closes it.
 */
export function connectFlowCollector(address: string, tls?: GoldmaneTls): FlowCollectorClient {
  const creds =
    tls === undefined ? credentials.createInsecure() : credentials.createSsl(tls.ca, tls.key, tls.certificate);
  return new FlowCollectorClient(address, creds, {
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.min_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 5000,
    'grpc.enable_channelz': 0,
  });
}
