import { workloadEndpointName, type WorkloadEndpoint } from '@calico-node/model';
import { hostCidr, type IpAddress, type Mac, type NodeName } from '@calico-node/net';
import type { Workload } from './workload.ts';

const apiVersion = 'projectcalico.org/v3';

export interface EndpointFacts {
  readonly node: NodeName;
  readonly workload: Workload;
  /** The CNI network: also the name of the profile whose rules and label the endpoint gets. */
  readonly network: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly addresses: readonly IpAddress[];
  readonly interfaceName: string;
  readonly mac: Mac;
}

/** The name under which a workload's endpoint is stored. @throws RangeError for a part that no name can hold. */
export function endpointName(node: NodeName, workload: Workload): string {
  return workloadEndpointName({
    node,
    orchestrator: workload.orchestrator,
    containerID: workload.containerId,
    endpoint: workload.endpoint,
    ...(workload.orchestrator === 'k8s' ? { pod: workload.pod } : {}),
  });
}

/**
 * The WorkloadEndpoint as it should be stored. A stored one is brought up to date: its profiles are kept and
 * the network's is added (a second ADD may put a container on a further network), as are its labels.
 */
export function buildEndpoint(facts: EndpointFacts, stored: WorkloadEndpoint | undefined): WorkloadEndpoint {
  const { node, workload, network, labels, addresses, interfaceName, mac } = facts;
  const profiles = stored?.spec.profiles ?? [];
  return {
    kind: 'WorkloadEndpoint',
    apiVersion,
    metadata: {
      ...stored?.metadata,
      name: endpointName(node, workload),
      namespace: workload.namespace,
      labels: {
        ...stored?.metadata.labels,
        ...labels,
        'projectcalico.org/namespace': workload.namespace,
        'projectcalico.org/orchestrator': workload.orchestrator,
      },
    },
    spec: {
      ...stored?.spec,
      orchestrator: workload.orchestrator,
      node,
      containerID: workload.containerId,
      endpoint: workload.endpoint,
      ...(workload.orchestrator === 'k8s' ? { pod: workload.pod } : {}),
      ipNetworks: addresses.map((ip) => hostCidr(ip)),
      profiles: profiles.includes(network) ? profiles : [...profiles, network],
      interfaceName,
      mac,
    },
  };
}
