import { API_VERSION, workloadEndpointName, type WorkloadEndpoint } from '@calico-node/model';
import { familyOf, hostCidr, type IpAddress, type Mac, type NodeName } from '@calico-node/net';
import type { Description } from './description.ts';
import type { Workload } from './workload.ts';

type Spec = WorkloadEndpoint['spec'];

export interface EndpointFacts {
  readonly node: NodeName;
  readonly workload: Workload;
  readonly description: Description;
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

/** Each floating address stands for the workload's own of its family. */
function natsOf(floating: readonly IpAddress[], addresses: readonly IpAddress[]): NonNullable<Spec['ipNATs']> {
  return floating.flatMap((externalIP) => {
    const internalIP = addresses.find((own) => familyOf(own) === familyOf(externalIP));
    return internalIP === undefined ? [] : [{ internalIP, externalIP }];
  });
}

function labelsOf({ source, labels }: Description, stored: WorkloadEndpoint | undefined): Record<string, string> {
  return source === 'orchestrator' ? { ...labels } : { ...stored?.metadata.labels, ...labels };
}

function profilesOf({ source, profiles }: Description, stored: WorkloadEndpoint | undefined): string[] {
  return source === 'orchestrator' ? [...profiles] : [...new Set([...(stored?.spec.profiles ?? []), ...profiles])];
}

/** What only some workloads have; what is not asked for any more goes. */
function optionalSpec({ description, addresses }: EndpointFacts): Partial<Spec> {
  const { serviceAccountName, ports, qosControls, wishes } = description;
  const ipNATs = natsOf(wishes.floatingIps ?? [], addresses);
  return {
    ...(serviceAccountName === undefined ? {} : { serviceAccountName }),
    ...(ports === undefined || ports.length === 0 ? {} : { ports }),
    ...(qosControls === undefined ? {} : { qosControls }),
    ...(ipNATs.length === 0 ? {} : { ipNATs }),
    ...(wishes.allowedSourcePrefixes === undefined
      ? {}
      : { allowSpoofedSourcePrefixes: [...wishes.allowedSourcePrefixes] }),
  };
}

/**
 * The WorkloadEndpoint as it should be stored. Where the configuration alone describes the workload, a stored one's
 * profiles and labels are kept and the network's are added: a second ADD may put a container on a further network.
 */
export function buildEndpoint(facts: EndpointFacts, stored: WorkloadEndpoint | undefined): WorkloadEndpoint {
  const { node, workload, description, addresses, interfaceName, mac } = facts;
  const { generateName } = description;
  return {
    kind: 'WorkloadEndpoint',
    apiVersion: API_VERSION,
    metadata: {
      ...stored?.metadata,
      ...(generateName === undefined ? {} : { generateName }),
      name: endpointName(node, workload),
      namespace: workload.namespace,
      labels: {
        ...labelsOf(description, stored),
        'projectcalico.org/namespace': workload.namespace,
        'projectcalico.org/orchestrator': workload.orchestrator,
      },
    },
    spec: {
      ...(description.source === 'orchestrator' ? {} : stored?.spec),
      orchestrator: workload.orchestrator,
      node,
      containerID: workload.containerId,
      endpoint: workload.endpoint,
      ...(workload.orchestrator === 'k8s' ? { pod: workload.pod } : {}),
      ...optionalSpec(facts),
      ipNetworks: addresses.map((ip) => hostCidr(ip)),
      profiles: profilesOf(description, stored),
      interfaceName,
      mac,
    },
  };
}
