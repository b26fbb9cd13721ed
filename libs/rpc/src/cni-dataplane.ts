/** How Calico's CNI plug-in hands wiring to another data plane. Rare, so that it has an entry point of its own. */
import { credentials } from '@grpc/grpc-js';
import { CniDataplaneClient } from './gen/cni/cnibackend.ts';

export * from './gen/cni/cnibackend.ts';

/** A client of the data plane at `unix:PATH`, a plain path or `HOST:PORT`. Nothing is encrypted. The caller closes it. */
export function connectCniDataplane(address: string): CniDataplaneClient {
  return new CniDataplaneClient(address.startsWith('/') ? `unix:${address}` : address, credentials.createInsecure(), {
    'grpc.enable_http_proxy': 0,
    'grpc.enable_channelz': 0,
  });
}
