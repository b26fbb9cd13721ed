import { API_VERSION, NAMESPACE_LABEL, ORCHESTRATOR_LABEL, type WorkloadEndpoint } from '@calico-node/model';
import { hostCidr, type IpAddress, type Mac } from '@calico-node/net';
import { standaloneEndpointName, standaloneOrchestrator, type StandaloneId } from './identity.ts';

/** What a workload's interface is. */
export type Target =
  /** Inside a network namespace, one end of a veth pair that is made for it. */
  | { readonly type: 'netns'; readonly path: string }
  /** A machine's tap device on the host, which others made; `mac` is the machine's own. */
  | { readonly type: 'tap'; readonly device: string; readonly mac?: Mac | undefined };

const targetAnnotation = 'calicoctl.projectcalico.org/attached-to';

/** As the endpoint notes it: `netns /run/netns/web`, `tap calivm0`. */
export function targetText(target: Target): string {
  return target.type === 'netns' ? `netns ${target.path}` : `tap ${target.device}`;
}

/** What a stored endpoint was attached to; empty for one that says nothing. */
export function attachedTo({ metadata }: WorkloadEndpoint): string {
  return metadata.annotations?.[targetAnnotation] ?? '';
}

export interface StandaloneFacts {
  readonly id: StandaloneId;
  readonly target: Target;
  readonly hostName: string;
  readonly mac: Mac | undefined;
  readonly addresses: readonly IpAddress[];
  readonly profiles: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** The endpoint as it should be stored; what others have put on a stored one stays. */
export function standaloneEndpoint(facts: StandaloneFacts, stored: WorkloadEndpoint | undefined): WorkloadEndpoint {
  const { id, target, hostName, mac, addresses, profiles, labels } = facts;
  return {
    kind: 'WorkloadEndpoint',
    apiVersion: API_VERSION,
    metadata: {
      ...stored?.metadata,
      name: standaloneEndpointName(id),
      namespace: id.namespace,
      labels: {
        ...stored?.metadata.labels,
        ...labels,
        [NAMESPACE_LABEL]: id.namespace,
        [ORCHESTRATOR_LABEL]: standaloneOrchestrator,
      },
      annotations: { ...stored?.metadata.annotations, [targetAnnotation]: targetText(target) },
    },
    spec: {
      ...stored?.spec,
      orchestrator: standaloneOrchestrator,
      workload: id.name,
      node: id.node,
      endpoint: id.endpoint,
      ipNetworks: addresses.map((ip) => hostCidr(ip)),
      profiles: [...profiles],
      interfaceName: hostName,
      ...(mac === undefined ? {} : { mac }),
    },
  };
}
