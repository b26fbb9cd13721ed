import { familyOf, tryParseCidr, type Cidr } from '@calico-node/net';
import { CniError, cniCodes } from '../spec/cni-error.ts';
import { isObject, type JsonObject } from '../spec/json-reader.ts';
import type { AttachmentCall } from './call.ts';

/** What stands for the node's own range in a configuration, and of which family that is; undefined: either. */
const placeholders: Readonly<Record<string, 4 | 6 | undefined>> = { usePodCidr: undefined, usePodCidrIPv6: 6 };

function isPlaceholder(value: unknown): value is string {
  return typeof value === 'string' && Object.hasOwn(placeholders, value);
}

function uses(ipam: JsonObject): boolean {
  const ranges: unknown[] = Array.isArray(ipam['ranges']) ? ipam['ranges'].flat() : [];
  return [ipam, ...ranges].some((place) => isObject(place) && isPlaceholder(place['subnet']));
}

function podCidrsOf(node: unknown): readonly Cidr[] {
  const spec = isObject(node) && isObject(node['spec']) ? node['spec'] : {};
  const several = Array.isArray(spec['podCIDRs']) ? spec['podCIDRs'] : [];
  const texts = several.length > 0 ? several : [spec['podCIDR']];
  return texts.flatMap((text) => (typeof text === 'string' ? (tryParseCidr(text) ?? []) : []));
}

/**
 * The network configuration with the ranges that Kubernetes gave this node in the place of `usePodCidr` and
 * `usePodCidrIPv6`, in `ipam.subnet` and `ipam.ranges`. Asks nobody when neither stands there.
 *
 * @throws KubernetesError; CniError code 11 while the node has no such range.
 */
export async function withPodCidrs(call: AttachmentCall): Promise<JsonObject> {
  const { config, node, context, signal } = call;
  const { document } = config;
  const ipam = document['ipam'];
  if (!isObject(ipam) || !uses(ipam)) return document;
  const client = context.kubernetes.open(config.kubernetes);
  const cidrs = podCidrsOf(await client.get(`/api/v1/nodes/${encodeURIComponent(node)}`, signal));
  const fill = (place: unknown): unknown => {
    if (!isObject(place) || !isPlaceholder(place['subnet'])) return place;
    const family = placeholders[place['subnet']];
    const cidr = cidrs.find((candidate) => family === undefined || familyOf(candidate) === family);
    if (cidr !== undefined) return { ...place, subnet: cidr };
    throw new CniError(cniCodes.tryAgainLater, `node ${node} has no range for ${place['subnet']} yet (spec.podCIDRs)`);
  };
  const filled = fill(ipam) as JsonObject; // it is an object as before
  const ranges = Array.isArray(ipam['ranges'])
    ? { ranges: ipam['ranges'].map((set: unknown) => (Array.isArray(set) ? set.map(fill) : fill(set))) }
    : {};
  return { ...document, ipam: { ...filled, ...ranges } };
}
