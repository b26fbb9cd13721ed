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
  const slice = parse(text);
  const metadata = fieldOf(slice, 'metadata');
  if (typeof metadata !== 'object' || metadata === null) throw new ConversionError('an EndpointSlice has no metadata');
  const namespace = fieldOf(metadata, 'namespace');
  const service = fieldOf(fieldOf(metadata, 'labels'), serviceLabel);
  if (typeof namespace !== 'string' || typeof service !== 'string') return undefined;
  return {
    service: `${namespace}/${service}`,
    addresses: listOf(slice, 'endpoints').flatMap((endpoint) =>
      listOf(endpoint, 'addresses').flatMap((address) =>
        typeof address === 'string' ? (tryParseIp(address) ?? []) : [],
      ),
    ),
    ports: listOf(slice, 'ports').flatMap((each) => {
      const port = fieldOf(each, 'port');
      const protocol = fieldOf(each, 'protocol') ?? 'TCP';
      const name = typeof protocol === 'string' ? protocol.toLowerCase() : '';
      return isPort(port) && isKnown(name) ? [{ protocol: name, port }] : [];
    }),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ConversionError('an EndpointSlice is no JSON', { cause: error });
  }
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}

/** What is no list, as a nil one of Go, is an empty one. */
function listOf(value: unknown, name: string): readonly unknown[] {
  const list = fieldOf(value, name);
  return Array.isArray(list) ? list : [];
}

function isPort(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 0xffff;
}

function isKnown(protocol: string): protocol is NamedPortProtocol {
  return Object.hasOwn(namedPortProtocols, protocol);
}
