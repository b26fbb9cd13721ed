import { familyOf, tryParseCidr, type Cidr, type Family } from '@calico-node/net';

const ROOT = '/calico/ipam/v2/';

/** Whether a node or, for load balancer addresses, the whole cluster holds a block. */
export type AffinityType = 'host' | 'virtual';

function blockSegment(cidr: Cidr): string {
  return cidr.replace('/', '-');
}

function parseBlockSegment(segment: string): Cidr | undefined {
  return tryParseCidr(segment.replace('-', '/'));
}

/** The key of an allocation block. */
export function blockKey(cidr: Cidr): string {
  return `${blockPrefix(familyOf(cidr))}${blockSegment(cidr)}`;
}

/** What the keys of all blocks (of a family) start with. */
export function blockPrefix(family?: Family): string {
  return family === undefined ? `${ROOT}assignment/` : `${ROOT}assignment/ipv${family}/block/`;
}

const BLOCK_KEY = /^\/calico\/ipam\/v2\/assignment\/ipv([46])\/block\/([^/]+)$/;

/** The network of a block's key; undefined for other keys. */
export function parseBlockKey(key: string): Cidr | undefined {
  const [, family, segment] = BLOCK_KEY.exec(key) ?? [];
  const cidr = segment === undefined ? undefined : parseBlockSegment(segment);
  return cidr !== undefined && String(familyOf(cidr)) === family ? cidr : undefined;
}

/** The key of the affinity that a host has to a block. */
export function affinityKey(type: AffinityType, host: string, cidr: Cidr): string {
  return `${affinityPrefix(type, host, familyOf(cidr))}${blockSegment(cidr)}`;
}

/** What the keys of all affinities of a type, a host, a family start with; ends with "/". */
export function affinityPrefix(type: AffinityType, host?: string, family?: Family): string {
  if (host === undefined) return `${ROOT}${type}/`;
  return family === undefined ? `${ROOT}${type}/${host}/` : `${ROOT}${type}/${host}/ipv${family}/block/`;
}

export interface AffinityKey {
  readonly type: AffinityType;
  readonly host: string;
  readonly cidr: Cidr;
}

const AFFINITY_KEY = /^\/calico\/ipam\/v2\/(host|virtual)\/([^/]+)\/ipv([46])\/block\/([^/]+)$/;

/** Undefined for other keys. */
export function parseAffinityKey(key: string): AffinityKey | undefined {
  const [, type, host, family, segment] = AFFINITY_KEY.exec(key) ?? [];
  const cidr = segment === undefined ? undefined : parseBlockSegment(segment);
  if (cidr === undefined || host === undefined || String(familyOf(cidr)) !== family) return undefined;
  return { type: type === 'host' ? 'host' : 'virtual', host, cidr };
}

/** The key of a handle. Throws RangeError where the ID holds "/" or is empty. */
export function handleKey(id: string): string {
  if (id === '' || id.includes('/'))
    throw new RangeError(`"${id}" is not an IPAM handle: it must not be empty or hold "/"`);
  return `${handlePrefix}${id}`;
}

export const handlePrefix = `${ROOT}handle/`;

/** The handle ID of a key; undefined for other keys. */
export function parseHandleKey(key: string): string | undefined {
  const id = key.startsWith(handlePrefix) ? key.slice(handlePrefix.length) : '';
  return id === '' || id.includes('/') ? undefined : id;
}

export const ipamConfigKey = `${ROOT}config`;

/** The key that releases long ago had for each host; only ever deleted. */
export function ipamHostKey(host: string): string {
  return `${ROOT}host/${host}`;
}
