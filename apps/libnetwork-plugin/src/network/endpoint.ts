import {
  API_VERSION,
  NAMESPACE_LABEL,
  ORCHESTRATOR_LABEL,
  workloadEndpointName,
  type WorkloadEndpoint,
} from '@calico-node/model';
import { hostCidr, type IpAddress, type Mac, type NodeName } from '@calico-node/net';

/** Calico's word for Docker: the orchestrator, the namespace, and the workload of all of its endpoints. */
export const libnetwork = 'libnetwork';

/** The kernel's limit for interface names. */
const maxNameLength = 15;

/** The host's end: the prefix that Felix knows, and the start of the endpoint's identifier. */
export function hostInterfaceName(prefix: string, endpointId: string): string {
  return (prefix + endpointId.slice(0, 11)).slice(0, maxNameLength);
}

/** The workload's end, until Docker has moved it. */
export function temporaryInterfaceName(endpointId: string): string {
  return `temp${endpointId.slice(0, 11)}`;
}

/** `<node>-libnetwork-libnetwork-<endpoint>` */
export function endpointName(node: NodeName, endpointId: string): string {
  return workloadEndpointName({ node, orchestrator: libnetwork, endpoint: endpointId });
}

export interface EndpointFacts {
  readonly node: NodeName;
  readonly endpointId: string;
  readonly interfaceName: string;
  readonly addresses: readonly IpAddress[];
  readonly mac: Mac | undefined;
  /** None when profiles are the operator's own affair. */
  readonly profile: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

/** The endpoint as it should be stored. What others have put on a stored one stays. */
export function buildEndpoint(facts: EndpointFacts, stored: WorkloadEndpoint | undefined): WorkloadEndpoint {
  const { node, endpointId, interfaceName, addresses, mac, profile, labels } = facts;
  return {
    kind: 'WorkloadEndpoint',
    apiVersion: API_VERSION,
    metadata: {
      ...stored?.metadata,
      name: endpointName(node, endpointId),
      namespace: libnetwork,
      labels: {
        ...stored?.metadata.labels,
        ...labels,
        [NAMESPACE_LABEL]: libnetwork,
        [ORCHESTRATOR_LABEL]: libnetwork,
      },
    },
    spec: {
      ...stored?.spec,
      orchestrator: libnetwork,
      workload: libnetwork,
      node,
      endpoint: endpointId,
      interfaceName,
      ipNetworks: addresses.map((ip) => hostCidr(ip)),
      ...(profile === undefined ? {} : { profiles: [profile] }),
      ...(mac === undefined ? {} : { mac }),
    },
  };
}
