import { decodeBlock } from '@calico-node/model';
import { addToIp, hostCidr, parseNodeName, splitCidr, type Cidr, type NodeName } from '@calico-node/net';

/** Who has a destination: a host by its block, or an address that another host's block gave it. */
export interface Owner {
  readonly host: NodeName;
  /** A single address: of a block that is not the host's own, or of an endpoint. */
  readonly isBorrowed: boolean;
}

const HOST_AFFINITY = 'host:';

/** The beginning of a block as Calico and we store it, and each node that an address in it was given to. */
const beginning = /^\{"cidr":"[^"\\]*","affinity":"host:([a-z0-9.-]+)",/;
const givenTo = /"node":"((?:[^"\\]|\\.)*)"/g;

/**
 * The host of a stored block that no other host has an address of, found without taking the text apart: each ADD on a
 * host writes its block anew. Undefined where only the whole block tells.
 */
function soleHostOf(text: string): string | undefined {
  const host = beginning.exec(text)?.[1];
  if (host === undefined) return undefined;
  for (const [, node] of text.matchAll(givenTo)) if (node !== host) return undefined;
  return host;
}

/**
 * The destinations that a block speaks for: the block as a whole for the host that it is affine to, and each address
 * that another host holds. Throws ValidationError for what is no block, NetParseError for a host's name that is none.
 */
export function ownersOfBlock(cidr: Cidr, text: string): ReadonlyMap<Cidr, Owner> {
  const soleHost = soleHostOf(text);
  if (soleHost !== undefined) return new Map([[cidr, { host: parseNodeName(soleHost), isBorrowed: false }]]);
  const block = decodeBlock(text);
  const owners = new Map<Cidr, Owner>();
  const blockHost =
    block.affinity?.startsWith(HOST_AFFINITY) === true ? block.affinity.slice(HOST_AFFINITY.length) : '';
  if (blockHost !== '') owners.set(cidr, { host: parseNodeName(blockHost), isBorrowed: false });
  const holders = (block.attributes ?? []).map(({ secondary }) => secondary?.['node'] ?? '');
  const { ip } = splitCidr(cidr);
  for (const [ordinal, attribute] of block.allocations.entries()) {
    const holder = attribute === null ? '' : (holders[attribute] ?? '');
    if (holder === '' || holder === blockHost) continue;
    // Of a block of one address this is the newer word.
    owners.set(hostCidr(addToIp(ip, ordinal)), { host: parseNodeName(holder), isBorrowed: true });
  }
  return owners;
}

/**
 * The addresses that an endpoint speaks for. They are on an interface of its host, as borrowed ones are. Throws
 * NetParseError for a host's name that is none.
 */
export function ownersOfEndpoint(hostname: string, nets: readonly Cidr[] = []): ReadonlyMap<Cidr, Owner> {
  if (nets.length === 0) return new Map();
  const owner = { host: parseNodeName(hostname), isBorrowed: true };
  return new Map(nets.map((net) => [net, owner]));
}
