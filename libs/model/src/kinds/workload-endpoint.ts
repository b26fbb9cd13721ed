import { cidrContains, familyOf, parseCidrLoose, parseIp } from '@calico-node/net';
import { hostNet, ip, ipv4, ipv6, mac, net } from '../checks/nets.ts';
import { containerId, endpointPortName, interfaceName, resourceName } from '../checks/names.ts';
import { list } from '../schema/containers.ts';
import { dscp, protocol, protocolHasPorts } from '../schema/numorstring.ts';
import { int, string, text, uint16 } from '../schema/scalars.ts';
import { always, alwaysPrinted, optional, pointer, struct, type Report } from '../schema/struct.ts';
import { workloadEndpointName } from '../workload-endpoint-name.ts';
import { joined } from './columns.ts';
import { nonEmpty } from '../non-empty.ts';
import { defineKind, type ResourceOfDefinition } from './definition.ts';
import { NAMESPACE_LABEL } from './network-sets.ts';
import type { ObjectMeta } from './object-meta.ts';

export const ORCHESTRATOR_LABEL = 'projectcalico.org/orchestrator';

const workloadEndpointPort = struct(
  'WorkloadEndpointPort',
  {
    name: always(string, 'The name that rules use.'),
    protocol: always(protocol, { mandatory: true, description: 'The protocol.' }),
    port: always(uint16(1), { mandatory: true, description: 'The number.' }),
    hostPort: alwaysPrinted(uint16(), 'The port of the node that leads to it; 0 for none.'),
    hostIP: alwaysPrinted(text(ip), 'The address of the node that leads to it; empty for all.'),
  },
  ({ name, protocol, hostPort = 0 }, report) => {
    const complaint = name === '' && hostPort !== 0 ? undefined : endpointPortName(name);
    if (complaint !== undefined)
      report(['name'], name, name === '' ? 'is required where there is no hostPort' : complaint);
    if (!protocolHasPorts(protocol)) report(['protocol'], protocol, 'must be TCP, UDP or SCTP');
  },
);

const ipNat = struct(
  'IPNAT',
  {
    internalIP: always(text(ip), { mandatory: true, description: "The workload's address." }),
    externalIP: always(text(ip), { mandatory: true, description: 'The address outside.' }),
  },
  ({ internalIP, externalIP }, report) => {
    if (familyOf(internalIP) !== familyOf(externalIP)) {
      report(['externalIP'], externalIP, 'must be of the same IP version as internalIP');
    }
  },
);

const rate = int(0);

const qosControls = struct('QoSControls', {
  ingressBandwidth: optional(rate, 'Bits per second towards it.'),
  ingressBurst: optional(rate, 'Bits at once towards it.'),
  ingressPeakrate: optional(rate, 'Bits per second within a burst towards it.'),
  ingressMinburst: optional(rate, 'Bytes that a burst towards it starts with.'),
  egressBandwidth: optional(rate, 'Bits per second from it.'),
  egressBurst: optional(rate, 'Bits at once from it.'),
  egressPeakrate: optional(rate, 'Bits per second within a burst from it.'),
  egressMinburst: optional(rate, 'Bytes that a burst from it starts with.'),
  ingressPacketRate: optional(rate, 'Packets per second towards it.'),
  ingressPacketBurst: optional(rate, 'Packets at once towards it.'),
  egressPacketRate: optional(rate, 'Packets per second from it.'),
  egressPacketBurst: optional(rate, 'Packets at once from it.'),
  ingressMaxConnections: optional(rate, 'TCP connections towards it.'),
  egressMaxConnections: optional(rate, 'TCP connections from it.'),
  dscp: pointer(dscp, 'The DiffServ code point of packets that leave the cluster.'),
});

const workloadEndpointFields = {
  orchestrator: optional(string, {
    mandatory: true,
    description: 'Who made the workload: `k8s`, `cni`, `libnetwork`, `openstack`.',
  }),
  workload: optional(string, "The orchestrator's name for it, where that is no pod or container."),
  node: optional(string, { mandatory: true, description: 'The node that it is on.' }),
  containerID: optional(text(containerId), 'The container.'),
  pod: optional(string, 'The pod.'),
  endpoint: optional(string, { mandatory: true, description: "The interface's name within the workload." }),
  serviceAccountName: optional(string, 'The service account that it runs under.'),
  ipNetworks: optional(list(text(hostNet)), 'Its addresses, each as a network of one.'),
  ipNATs: optional(list(ipNat), 'Addresses outside that stand for its own.'),
  ipv4Gateway: optional(text(ipv4), 'Its IPv4 gateway.'),
  ipv6Gateway: optional(text(ipv6), 'Its IPv6 gateway.'),
  profiles: optional(list(string), 'Profiles that apply where no policy does, and give it labels.'),
  interfaceName: optional(text(interfaceName), { mandatory: true, description: 'The interface on the node.' }),
  mac: optional(text(mac), 'The MAC of its interface.'),
  ports: optional(list(workloadEndpointPort), 'Names for ports, and ports of the node that lead to it.'),
  allowSpoofedSourcePrefixes: optional(list(text(net)), 'Networks that it may send from besides its addresses.'),
  qosControls: pointer(qosControls, 'Limits to its traffic.'),
};

const workloadEndpointSpec = struct(
  'WorkloadEndpointSpec',
  workloadEndpointFields,
  ({ ipNATs = [], ipNetworks = [] }, report) => {
    const networks = ipNetworks.filter((network) => hostNet(network) === undefined).map(parseCidrLoose);
    for (const [index, { internalIP }] of ipNATs.entries()) {
      if (internalIP === '' || ip(internalIP) !== undefined) continue;
      if (!networks.some((network) => cidrContains(network, parseIp(internalIP)))) {
        report(['ipNATs', index, 'internalIP'], internalIP, 'must be one of ipNetworks');
      }
    }
  },
);

export const workloadEndpoint = defineKind({
  kind: 'WorkloadEndpoint',
  name: resourceName,
  docs: {
    summary: "A workload's interface. The CNI plugin writes it; its name is made of its spec.",
    example: {
      metadata: { name: 'node--1-k8s-web--0-eth0', namespace: 'prod', labels: { app: 'web' } },
      spec: {
        orchestrator: 'k8s',
        node: 'node-1',
        pod: 'web-0',
        endpoint: 'eth0',
        interfaceName: 'cali0d7763386da',
        ipNetworks: ['10.0.0.5/32'],
        profiles: ['kns.prod'],
      },
    },
    storeRules: ['the name must be the one that the spec gives'],
  },
  columns: {
    get: ['WORKLOAD', 'NODE', 'NETWORKS', 'INTERFACE'],
    wide: ['NAME', 'WORKLOAD', 'NODE', 'NETWORKS', 'INTERFACE', 'PROFILES', 'NATS'],
    cells: {
      WORKLOAD: ({ spec }) => nonEmpty(spec.workload) ?? spec.pod ?? '',
      NODE: ({ spec }) => spec.node ?? '',
      NETWORKS: ({ spec }) => joined(spec.ipNetworks),
      INTERFACE: ({ spec }) => spec.interfaceName ?? '',
      PROFILES: ({ spec }) => joined(spec.profiles),
      NATS: ({ spec }) => joined(spec.ipNATs?.map(({ internalIP, externalIP }) => `{${internalIP} ${externalIP}}`)),
      ORCHESTRATOR: ({ spec }) => spec.orchestrator ?? '',
    },
  },
  body: { spec: always(workloadEndpointSpec) },
  checks: [checkName],
  onWrite: fillNameAndLabels,
});

export type WorkloadEndpoint = ResourceOfDefinition<typeof workloadEndpoint>;

interface EndpointLike {
  readonly metadata: ObjectMeta;
  readonly spec: Parameters<typeof workloadEndpointName>[0];
}

/** The name that the endpoint's spec gives it, or undefined where the spec is too poor to give one. */
function calculatedName(spec: EndpointLike['spec']): string | undefined {
  try {
    return workloadEndpointName(spec);
  } catch {
    return undefined;
  }
}

function fillNameAndLabels<R extends EndpointLike>(endpoint: R): R {
  const { metadata, spec } = endpoint;
  const labels: Record<string, string> = { ...metadata.labels };
  if (metadata.namespace) labels[NAMESPACE_LABEL] = metadata.namespace;
  if (spec.orchestrator) labels[ORCHESTRATOR_LABEL] = spec.orchestrator;
  return {
    ...endpoint,
    metadata: { ...metadata, name: nonEmpty(metadata.name) ?? calculatedName(spec) ?? '', labels },
  };
}

function checkName({ metadata, spec }: EndpointLike, report: Report): void {
  const expected = calculatedName(spec);
  if (expected === undefined) {
    report(
      ['spec'],
      spec,
      'must give the parts of the name: orchestrator, node, endpoint and the workload, none with "-" at its ends',
    );
  } else if (metadata.name !== expected) {
    report(['metadata', 'name'], metadata.name, `must be "${expected}", as the spec says`);
  }
}
