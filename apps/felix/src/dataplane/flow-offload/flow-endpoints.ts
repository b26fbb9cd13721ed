import { splitCidr, type IpAddress } from '@calico-node/net';
import type { WorkloadEndpointId } from '../../calc/endpoint-id.ts';
import type { Intent, LocalWorkloadEndpoint } from '../../calc/intents.ts';
import { CountedKeys } from './counted-keys.ts';

/** Workload endpoints as a flow table needs them. Pure; what a change costs does not grow with their number. */
export class FlowEndpoints {
  readonly #endpoints = new Map<WorkloadEndpointId, LocalWorkloadEndpoint>();
  /** The interfaces of endpoints that are up. */
  readonly interfaces = new CountedKeys<string>();
  /** The addresses of those of whom each packet matters. */
  readonly limited = new CountedKeys<IpAddress>();
  /** Interfaces of endpoints whose connections may not go on as they are. */
  #ended = new Set<string>();

  take(intents: readonly Intent[]): void {
    for (const intent of intents) {
      if (intent.type === 'workload-endpoint-update') this.#set(intent.id, intent.endpoint);
      else if (intent.type === 'workload-endpoint-remove') this.#set(intent.id, undefined);
    }
  }

  /** The interfaces of endpoints that have gone or lost an address since the last call. */
  takeEnded(): ReadonlySet<string> {
    const ended = this.#ended;
    this.#ended = new Set();
    return ended;
  }

  #set(id: WorkloadEndpointId, endpoint: LocalWorkloadEndpoint | undefined): void {
    const before = this.#endpoints.get(id);
    if (endpoint?.adminUp === true) {
      this.interfaces.add(endpoint.interfaceName);
      for (const ip of limitedOf(endpoint)) this.limited.add(ip);
    }
    if (before?.adminUp === true) {
      this.interfaces.delete(before.interfaceName);
      for (const ip of limitedOf(before)) this.limited.delete(ip);
      if (endsConnections(before, endpoint)) this.#ended.add(before.interfaceName);
    }
    if (endpoint === undefined) this.#endpoints.delete(id);
    else this.#endpoints.set(id, endpoint);
  }
}

function endsConnections(before: LocalWorkloadEndpoint, now: LocalWorkloadEndpoint | undefined): boolean {
  if (now?.adminUp !== true || now.interfaceName !== before.interfaceName) return true;
  return before.addresses.some((address) => !now.addresses.includes(address));
}

/** Limits of bandwidth are kept beside the way that packets of known connections take. */
function limitedOf({ dscp, limits, addresses }: LocalWorkloadEndpoint): readonly IpAddress[] {
  const isSet = [limits?.ingress, limits?.egress].some(
    (limit) => limit?.packetRate !== undefined || limit?.maxConnections !== undefined,
  );
  return dscp !== undefined || isSet ? addresses.map((cidr) => splitCidr(cidr).ip) : [];
}
