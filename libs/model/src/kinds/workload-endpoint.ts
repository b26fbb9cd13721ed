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
    name: always(string),
    protocol: always(protocol, { mandatory: true }),
    port: always(uint16(1), { mandatory: true }),
    hostPort: alwaysPrinted(uint16()),
    hostIP: alwaysPrinted(text(ip)),
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
  { internalIP: always(text(ip), { mandatory: true }), externalIP: always(text(ip), { mandatory: true }) },
  ({ internalIP, externalIP }, report) => {
    if (familyOf(internalIP) !== familyOf(externalIP)) {
      report(['externalIP'], externalIP, 'must be of the same IP version as internalIP');
    }
  },
);

const rate = optional(int(0));

const qosControls = struct('QoSControls', {
  ingressBandwidth: rate,
  ingressBurst: rate,
  ingressPeakrate: rate,
  ingressMinburst: rate,
  egressBandwidth: rate,
  egressBurst: rate,
  egressPeakrate: rate,
  egressMinburst: rate,
  ingressPacketRate: rate,
  ingressPacketBurst: rate,
  egressPacketRate: rate,
  egressPacketBurst: rate,
  ingressMaxConnections: rate,
  egressMaxConnections: rate,
  dscp: pointer(dscp),
});

const workloadEndpointFields = {
  orchestrator: optional(string, { mandatory: true }),
  workload: optional(string),
  node: optional(string, { mandatory: true }),
  containerID: optional(text(containerId)),
  pod: optional(string),
  endpoint: optional(string, { mandatory: true }),
  serviceAccountName: optional(string),
  ipNetworks: optional(list(text(hostNet))),
  ipNATs: optional(list(ipNat)),
  ipv4Gateway: optional(text(ipv4)),
  ipv6Gateway: optional(text(ipv6)),
  profiles: optional(list(string)),
  interfaceName: optional(text(interfaceName), { mandatory: true }),
  mac: optional(text(mac)),
  ports: optional(list(workloadEndpointPort)),
  allowSpoofedSourcePrefixes: optional(list(text(net))),
  qosControls: pointer(qosControls),
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
  plural: 'workloadendpoints',
  isNamespaced: true,
  shortNames: ['wep', 'weps'],
  name: resourceName,
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
