import { splitCidr, type IpAddress } from '@calico-node/net';
import type { LocalWorkloadEndpoint } from '../../calc/intents.ts';
import { withFloating } from '../floating.ts';

/** An endpoint as it was, and as it is now. */
export interface EndpointAddressChange {
  readonly before: LocalWorkloadEndpoint | undefined;
  readonly endpoint: LocalWorkloadEndpoint | undefined;
}

/**
 * The addresses that endpoints no longer have, or do not have while they are administratively down. Whoever gets such an
 * address next must not inherit connections that were allowed to another.
 *
 * @param floatingIps whether floating addresses are in use.
 */
export function withdrawnAddresses(
  changes: Iterable<EndpointAddressChange>,
  floatingIps: boolean,
): ReadonlySet<IpAddress> {
  const addressesOf = (endpoint: LocalWorkloadEndpoint | undefined): LocalWorkloadEndpoint['addresses'] => {
    if (endpoint?.adminUp !== true) return [];
    return (floatingIps ? withFloating(endpoint) : endpoint).addresses;
  };
  const withdrawn = [...changes].flatMap(({ before, endpoint }) => {
    const kept = new Set(addressesOf(endpoint));
    return addressesOf(before).filter((address) => !kept.has(address));
  });
  return new Set(withdrawn.map((address) => splitCidr(address).ip));
}
