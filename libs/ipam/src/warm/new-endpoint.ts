import type { EndpointDraft, KeyValue } from '@calico-node/datastore';
import { resourceKey, type WorkloadEndpoint } from '@calico-node/model';
import { hostCidr, type IpAddress } from '@calico-node/net';

export function endpointKey({ metadata }: WorkloadEndpoint): string {
  return resourceKey('WorkloadEndpoint', metadata.name, metadata.namespace);
}

/** An endpoint's draft with its addresses in it. */
export function withNetworks({ endpoint, premises }: EndpointDraft, ips: readonly IpAddress[]): EndpointDraft {
  return { endpoint: { ...endpoint, spec: { ...endpoint.spec, ipNetworks: ips.map((ip) => hostCidr(ip)) } }, premises };
}

/** Whether an endpoint may still be created, by what the store holds of its key and its premises. */
export function mayBeCreated({ endpoint, premises }: EndpointDraft, current: ReadonlyMap<string, KeyValue>): boolean {
  if (current.has(endpointKey(endpoint))) return false;
  return premises.every(({ key, revision }) => (current.get(key)?.revision ?? 0n) === revision);
}
