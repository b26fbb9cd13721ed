import { PrefixTrie, tryParseCidr, type Cidr, type IpAddress } from '@calico-node/net';

/** Tells the addresses that are not to be given; undefined when all may be. */
export type IsReserved = ((ip: IpAddress) => boolean) | undefined;

/** The addresses that no allocator may give by itself (IPReservation), whichever block they lie in. */
export class Reservations {
  readonly #trie = new PrefixTrie<true>();

  constructor(cidrs: Iterable<Cidr> = []) {
    for (const cidr of cidrs) this.#trie.set(cidr, true);
  }

  /** Whether an address is kept back; undefined when none is. */
  get isReserved(): IsReserved {
    return this.#trie.size === 0 ? undefined : (ip) => this.#trie.lookup(ip) !== undefined;
  }

  /** The widest reservation that leaves nothing of a block to give. */
  readonly around = (block: Cidr): Cidr | undefined => {
    for (const { cidr } of this.#trie.covering(block)) return cidr;
    return undefined;
  };
}

/** What the keys of IPReservation resources start with. */
export const reservationPrefix = '/calico/resources/v3/projectcalico.org/ipreservations/';

/** The networks that a stored IPReservation names; as Calico, without those that cannot be read. */
export function parseReservedCidrs(text: string): readonly Cidr[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [];
  }
  const spec = isRecord(value) ? value['spec'] : undefined;
  const cidrs = isRecord(spec) ? spec['reservedCIDRs'] : undefined;
  if (!Array.isArray(cidrs)) return [];
  return cidrs.flatMap((entry: unknown) => (typeof entry === 'string' ? (tryParseCidr(entry.trim()) ?? []) : []));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
