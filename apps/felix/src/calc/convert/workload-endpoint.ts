import { compareCidr, hostCidr, parseCidrLoose, parseIp, parseMac, splitCidr } from '@calico-node/net';
import { NAMESPACE_LABEL, parseWorkloadEndpointName, type WorkloadEndpoint } from '@calico-node/model';
import { labelsOf } from '@calico-node/selector';
import { workloadEndpointIdOf, type WorkloadEndpointId } from '../endpoint-id.ts';
import type { LocalWorkloadEndpoint } from '../intents.ts';
import type { LabelledItem } from '../ip-set-index.ts';
import type { LabelMap } from '../label-index.ts';
import { ConversionError } from './conversion-error.ts';
import { convertPorts } from './ports.ts';
import { serviceAccountLabel } from './selectors.ts';

/** A workload endpoint, of any host, in the calculation graph. */
export interface WorkloadEndpointModel {
  /** As the name spells it: a string that may be nobody's host name. */
  readonly hostname: string;
  readonly id: WorkloadEndpointId;
  readonly item: LabelledItem;
  /** All that the dataplane needs of it but its policy. */
  readonly endpoint: Omit<LocalWorkloadEndpoint, 'tiers'>;
}

/** What the key alone says, for deletions. Undefined for a name that is no workload endpoint's. */
export function workloadEndpointOfKey(
  name: string,
  namespace: string,
): Pick<WorkloadEndpointModel, 'hostname' | 'id'> | undefined {
  const identified = identify(name, namespace);
  return identified && { hostname: identified.hostname, id: workloadEndpointIdOf(identified.identity) };
}

/**
 * Undefined for an endpoint without addresses, which Calico's syncer does not pass on: it is not ready
 * yet. Throws ConversionError or NetParseError for values that can't be programmed.
 */
export function convertWorkloadEndpoint(
  { metadata, spec }: WorkloadEndpoint,
  name: string,
  namespace: string,
  revision: bigint,
): WorkloadEndpointModel | undefined {
  const identified = identify(name, namespace);
  if (identified === undefined) throw new ConversionError(`"${name}" is no workload endpoint's name`);
  const addresses = (spec.ipNetworks ?? []).map((net) => hostCidr(splitCidr(parseCidrLoose(net)).ip)).sort(compareCidr);
  if (addresses.length === 0) return undefined;
  const profiles = spec.profiles ?? [];
  const ports = (spec.ports ?? []).filter((port) => port.name !== '');
  return {
    hostname: identified.hostname,
    id: workloadEndpointIdOf(identified.identity),
    item: {
      labels: labelsFor(metadata.labels, namespace, spec.serviceAccountName),
      profiles,
      nets: addresses,
      ports: convertPorts(ports),
    },
    endpoint: {
      identity: identified.identity,
      revision,
      adminUp: true,
      interfaceName: checkInterfaceName(spec.interfaceName ?? ''),
      ...(spec.mac ? { mac: parseMac(spec.mac) } : {}),
      addresses,
      allowedSourcePrefixes: (spec.allowSpoofedSourcePrefixes ?? []).map((net) => parseCidrLoose(net)),
      nats: (spec.ipNATs ?? []).map(({ internalIP, externalIP }) => ({
        internal: parseIp(internalIP),
        external: parseIp(externalIP),
      })),
      profiles,
    },
  };
}

function identify(name: string, namespace: string) {
  const parts = parseWorkloadEndpointName(name);
  if (parts === undefined || namespace === '') return undefined;
  return {
    hostname: parts.node,
    identity: {
      orchestratorId: parts.orchestrator,
      workloadId: `${namespace}/${parts.workload}`,
      endpointId: parts.endpoint,
    },
  };
}

/** Own labels; those that only profiles may give are dropped, and the service account's is set. */
function labelsFor(
  own: Readonly<Record<string, string>> | undefined,
  namespace: string,
  serviceAccount: string | undefined,
): LabelMap {
  const labels = new Map([...labelsOf(own)].filter(([name]) => !name.startsWith('pcns.') && !name.startsWith('pcsa.')));
  labels.set(NAMESPACE_LABEL, namespace);
  if (serviceAccount) labels.set(serviceAccountLabel, serviceAccount);
  return labels;
}

/** What the kernel takes (15 characters) and what is safe in chain names and sysctl paths. */
function checkInterfaceName(name: string): string {
  if (!/^[a-zA-Z0-9_.-]{1,15}$/.test(name) || name === '.' || name === '..')
    throw new ConversionError(`"${name}" is no interface name`);
  return name;
}
