import { splitCidr, type IpAddress } from '@calico-node/net';
import type { WorkloadEndpointId } from '../../calc/endpoint-id.ts';
import type { Intent, LocalWorkloadEndpoint } from '../../calc/intents.ts';

/** Workload endpoints as a flow table needs them. Pure. */
export class FlowEndpoints {
  readonly #endpoints = new Map<WorkloadEndpointId, LocalWorkloadEndpoint>();
  /** Interfaces of endpoints whose connections may not go on as they are. */
  #ended = new Set<string>();

  take(intents: readonly Intent[]): void {
    for (const intent of intents) {
      if (intent.type === 'workload-endpoint-update') this.#set(intent.id, intent.endpoint);
      else if (intent.type === 'workload-endpoint-remove') this.#set(intent.id, undefined);
    }
  }

  /** The interfaces of endpoints that are up. */
  interfaces(): ReadonlySet<string> {
    return new Set([...this.#up()].map(({ interfaceName }) => interfaceName));
  }

  /** The addresses of those of whom each packet matters. */
  limited(): ReadonlySet<IpAddress> {
    return new Set(
      [...this.#up()].filter(isLimited).flatMap(({ addresses }) => addresses.map((cidr) => splitCidr(cidr).ip)),
    );
  }

  /** The interfaces of endpoints that have gone or lost an address since the last call. */
  takeEnded(): ReadonlySet<string> {
    const ended = this.#ended;
    this.#ended = new Set();
    return ended;
  }

  *#up(): Iterable<LocalWorkloadEndpoint> {
    for (const endpoint of this.#endpoints.values()) if (endpoint.adminUp) yield endpoint;
  }

  #set(id: WorkloadEndpointId, endpoint: LocalWorkloadEndpoint | undefined): void {
    const before = this.#endpoints.get(id);
    if (before !== undefined && endsConnections(before, endpoint)) this.#ended.add(before.interfaceName);
    if (endpoint === undefined) this.#endpoints.delete(id);
    else this.#endpoints.set(id, endpoint);
  }
}

function endsConnections(before: LocalWorkloadEndpoint, now: LocalWorkloadEndpoint | undefined): boolean {
  if (!before.adminUp) return false;
  if (now?.adminUp !== true || now.interfaceName !== before.interfaceName) return true;
  return before.addresses.some((address) => !now.addresses.includes(address));
}

/** Limits of bandwidth are kept beside the way that packets of known connections take. */
function isLimited({ dscp, limits }: LocalWorkloadEndpoint): boolean {
  const isSet = [limits?.ingress, limits?.egress].some(
    (limit) => limit?.packetRate !== undefined || limit?.maxConnections !== undefined,
  );
  return dscp !== undefined || isSet;
}
