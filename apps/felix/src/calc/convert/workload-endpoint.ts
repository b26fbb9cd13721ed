import { parseCidrLoose, parseIp, parseMac } from '@calico-node/net';
import { parseWorkloadEndpointName, type ParsedWorkloadEndpointName, type WorkloadEndpoint } from '@calico-node/model';
import { workloadEndpointIdOf, type WorkloadEndpointId, type WorkloadEndpointIdentity } from '../endpoint-id.ts';
import type { LocalWorkloadEndpoint } from '../intents.ts';
import type { LabelledItem } from '../ip-set-index.ts';
import { ConversionError } from './conversion-error.ts';
import { checkInterfaceName } from './interface-name.ts';
import { convertQos } from './qos.ts';

/** A workload endpoint of this host in the calculation graph. */
export interface WorkloadEndpointModel {
  readonly id: WorkloadEndpointId;
  readonly item: LabelledItem;
  /** All that the dataplane needs of it but its policy. */
  readonly endpoint: Omit<LocalWorkloadEndpoint, 'tiers'>;
}

/** What an endpoint's key says. */
export interface EndpointKey {
  readonly namespace: string;
  /** As the name spells it: the node is a string that may be nobody's host name. */
  readonly name: ParsedWorkloadEndpointName;
}

/** Undefined for a name that is no workload endpoint's. */
export function parseEndpointKey(text: string, namespace: string): EndpointKey | undefined {
  const name = parseWorkloadEndpointName(text);
  return name === undefined || namespace === '' ? undefined : { namespace, name };
}

export function identityOf({ namespace, name }: EndpointKey): WorkloadEndpointIdentity {
  const { orchestrator, workload, endpoint } = name;
  return { orchestratorId: orchestrator, workloadId: `${namespace}/${workload}`, endpointId: endpoint };
}

/** Throws ConversionError or NetParseError for values that can't be programmed. */
export function convertLocalEndpoint(
  { spec }: WorkloadEndpoint,
  key: EndpointKey,
  item: LabelledItem,
  revision: bigint,
  { allowsSpoofing = false }: { readonly allowsSpoofing?: boolean } = {},
): WorkloadEndpointModel {
  const identity = identityOf(key);
  if (!allowsSpoofing && (spec.allowSpoofedSourcePrefixes?.length ?? 0) > 0) {
    throw new ConversionError(
      'allowSpoofedSourcePrefixes: workloadSourceSpoofing of FelixConfiguration does not allow it',
    );
  }
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
