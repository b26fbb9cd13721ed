import { compareCidr, hostCidr, parseCidrLoose, parseIp, parseMac, splitCidr } from '@calico-node/net';
import { NAMESPACE_LABEL, parseWorkloadEndpointName, type WorkloadEndpoint } from '@calico-node/model';
import { workloadEndpointIdOf, type WorkloadEndpointId, type WorkloadEndpointIdentity } from '../endpoint-id.ts';
import type { LocalWorkloadEndpoint } from '../intents.ts';
import type { LabelledItem } from '../ip-set-index.ts';
import { ConversionError } from './conversion-error.ts';
import type { LabelInterner } from './label-interner.ts';
import { convertQos } from './qos.ts';
import { convertPorts } from './ports.ts';
import { serviceAccountLabel } from './selectors.ts';

/** A workload endpoint of this host in the calculation graph. */
export interface WorkloadEndpointModel {
  readonly id: WorkloadEndpointId;
  readonly item: LabelledItem;
  /** All that the dataplane needs of it but its policy. */
  readonly endpoint: Omit<LocalWorkloadEndpoint, 'tiers'>;
}

/** What an endpoint's key says. */
export interface EndpointKey {
  /** As the name spells it: a string that may be nobody's host name. */
  readonly hostname: string;
  readonly identity: WorkloadEndpointIdentity;
}

/** Undefined for a name that is no workload endpoint's. */
export function parseEndpointKey(name: string, namespace: string): EndpointKey | undefined {
  const parts = parseWorkloadEndpointName(name);
  if (parts === undefined || namespace === '') return undefined;
  const { node, orchestrator, workload, endpoint } = parts;
  const identity = { orchestratorId: orchestrator, workloadId: `${namespace}/${workload}`, endpointId: endpoint };
  return { hostname: node, identity };
}

/**
 * The endpoint, of any host, as a member of IP sets. Undefined for one without addresses, which Calico's syncer does
 * not pass on: it is not ready yet. Throws NetParseError.
 */
export function convertEndpointItem(
  { metadata, spec }: WorkloadEndpoint,
  namespace: string,
  interner: LabelInterner,
): LabelledItem | undefined {
  const { ipNetworks = [], profiles = [], ports = [], serviceAccountName = '' } = spec;
  const nets = ipNetworks.map((net) => hostCidr(splitCidr(parseCidrLoose(net)).ip)).sort(compareCidr);
  if (nets.length === 0) return undefined;
  const account = serviceAccountName === '' ? [] : [[serviceAccountLabel, serviceAccountName] as const];
  return {
    labels: interner.labels(metadata.labels, isInheritedOnly, [[NAMESPACE_LABEL, namespace], ...account]),
    profiles: interner.list(profiles),
    nets,
    ports: ports.length === 0 ? noPorts : convertPorts(ports.filter((port) => port.name !== '')),
  };
}

/** Throws ConversionError or NetParseError for values that can't be programmed. */
export function convertLocalEndpoint(
  { spec }: WorkloadEndpoint,
  { identity }: EndpointKey,
  item: LabelledItem,
  revision: bigint,
): WorkloadEndpointModel {
  return {
    id: workloadEndpointIdOf(identity),
    item,
    endpoint: {
      identity,
      revision,
      adminUp: true,
      interfaceName: checkInterfaceName(spec.interfaceName ?? ''),
      ...(spec.mac ? { mac: parseMac(spec.mac) } : {}),
      addresses: item.nets,
      allowedSourcePrefixes: (spec.allowSpoofedSourcePrefixes ?? []).map((net) => parseCidrLoose(net)),
      nats: (spec.ipNATs ?? []).map(({ internalIP, externalIP }) => ({
        internal: parseIp(internalIP),
        external: parseIp(externalIP),
      })),
      profiles: item.profiles,
      ...convertQos(spec.qosControls),
    },
  };
}

const noPorts: LabelledItem['ports'] = [];

/** Labels that only profiles may give. */
function isInheritedOnly(name: string): boolean {
  return name.startsWith('pcns.') || name.startsWith('pcsa.');
}

/** What the kernel takes (15 characters) and what is safe in chain names and sysctl paths. */
function checkInterfaceName(name: string): string {
  if (!/^[a-zA-Z0-9_.-]{1,15}$/.test(name) || name === '.' || name === '..')
    throw new ConversionError(`"${name}" is no interface name`);
  return name;
}
