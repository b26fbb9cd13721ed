import { familyOf, splitCidr, type Cidr, type IpAddress } from '@calico-node/net';
import type { WorkloadEndpointId } from '../../calc/endpoint-id.ts';
import type { LocalWorkloadEndpoint } from '../../calc/intents.ts';

/** One endpoint that has its interface for itself. */
export interface Attachment {
  readonly id: WorkloadEndpointId;
  readonly endpoint: LocalWorkloadEndpoint;
}

/** A host route to a workload. */
export interface WorkloadRoute {
  readonly destination: Cidr;
  readonly interfaceName: string;
  readonly id: WorkloadEndpointId;
}

export interface DesiredInterfaces {
  /** Who has an interface: of several endpoints that name it, the one with the lowest id. */
  readonly owners: ReadonlyMap<string, Attachment>;
  /** By destination: of several endpoints with one address, the one with the lowest id. */
  readonly routes: ReadonlyMap<Cidr, WorkloadRoute>;
  /** Endpoints that lost an interface or an address to another, with the reason. */
  readonly shadowed: ReadonlyMap<WorkloadEndpointId, string>;
}

const byId = (a: Attachment, b: Attachment): number => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

/**
 * Which interface belongs to which endpoint, and which host routes there are to be. The lowest id wins a conflict, as
 * in Calico, so that the outcome does not depend on the order in which endpoints came. An endpoint that is down by its
 * administrator keeps its interface and has no routes.
 */
export function desiredInterfaces(endpoints: Iterable<Attachment>): DesiredInterfaces {
  const owners = new Map<string, Attachment>();
  const routes = new Map<Cidr, WorkloadRoute>();
  const shadowed = new Map<WorkloadEndpointId, string>();
  for (const attachment of [...endpoints].sort(byId)) {
    const { id, endpoint } = attachment;
    const owner = owners.get(endpoint.interfaceName);
    if (owner !== undefined) {
      shadowed.set(id, `interface ${endpoint.interfaceName} belongs to ${owner.id}`);
      continue;
    }
    owners.set(endpoint.interfaceName, attachment);
    if (!endpoint.adminUp) continue;
    for (const destination of endpoint.addresses) {
      const other = routes.get(destination);
      if (other === undefined) routes.set(destination, { destination, interfaceName: endpoint.interfaceName, id });
      else shadowed.set(id, `address ${destination} belongs to ${other.id}`);
    }
  }
  return { owners, routes, shadowed };
}

/** The IPv4 addresses of an endpoint for which the kernel need not ask, since the endpoint names its MAC address. */
export function staticArpAddresses(endpoint: LocalWorkloadEndpoint): IpAddress[] {
  if (endpoint.mac === undefined || !endpoint.adminUp) return [];
  return endpoint.addresses.filter((cidr) => familyOf(cidr) === 4).map((cidr) => splitCidr(cidr).ip);
}
