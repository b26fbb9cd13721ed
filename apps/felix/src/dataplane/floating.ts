import { hostCidr } from '@calico-node/net';
import type { LocalWorkloadEndpoint } from '../calc/intents.ts';

/** The endpoint with its floating addresses among its addresses: they get routes, so that BGP tells of them. */
export function withFloating(endpoint: LocalWorkloadEndpoint): LocalWorkloadEndpoint {
  const floating = endpoint.nats.map(({ external }) => hostCidr(external));
  return floating.length === 0 ? endpoint : { ...endpoint, addresses: [...endpoint.addresses, ...floating] };
}
