import { tryParseIp } from '@calico-node/net';
import type { EndpointSlice } from '../endpoint-slices.ts';
import { namedPortProtocols, type NamedPortProtocol } from '../ip-set.ts';
import { ConversionError } from './conversion-error.ts';

const serviceLabel = 'kubernetes.io/service-name';

/**
 * A Kubernetes EndpointSlice (discovery.k8s.io/v1) as JSON. Undefined for one of no service. Endpoints count whether
 * they are ready or not, as in Felix; names and ports that are none (a slice of all ports) are left out. Throws
 * ConversionError for what is no such object.
 */
export function convertEndpointSlice(text: string): EndpointSlice | undefined {
  const { metadata, endpoints = [], ports = [] } = parse(text);
  const service = metadata.labels?.[serviceLabel];
  if (service === undefined || metadata.namespace === undefined) return undefined;
  return {
    service: `${metadata.namespace}/${service}`,
    addresses: (endpoints ?? []).flatMap(({ addresses = [] }) =>
      (addresses ?? []).flatMap((address) => tryParseIp(address) ?? []),
    ),
    ports: (ports ?? []).flatMap(({ port, protocol = 'TCP' }) => {
      const name = protocol.toLowerCase();
      return typeof port === 'number' && isKnown(name) ? [{ protocol: name, port }] : [];
    }),
  };
}

/** The fields of a slice that are read; a nil list of Go is null in JSON. */
interface SliceJson {
  readonly metadata: { readonly namespace?: string; readonly labels?: Readonly<Record<string, string>> };
  readonly endpoints?: readonly { readonly addresses?: readonly string[] | null }[] | null;
  readonly ports?: readonly { readonly port?: number | null; readonly protocol?: string }[] | null;
}

function parse(text: string): SliceJson {
  try {
    const value: unknown = JSON.parse(text);
    // From the Kubernetes API, which has checked it; what is missing all the same is taken for empty.
    if (typeof value === 'object' && value !== null && 'metadata' in value) return value as SliceJson;
  } catch (error) {
    throw new ConversionError('an EndpointSlice is no JSON', { cause: error });
  }
  throw new ConversionError('an EndpointSlice has no metadata');
}

function isKnown(protocol: string): protocol is NamedPortProtocol {
  return Object.hasOwn(namedPortProtocols, protocol);
}
