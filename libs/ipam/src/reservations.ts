import { PrefixTrie, splitCidr, tryParseCidr, type Cidr, type IpAddress } from '@calico-node/net';

/** The addresses that no allocator may give by itself (IPReservation), whichever block they lie in. */
export class Reservations {
  readonly #trie = new PrefixTrie<true>();

  constructor(cidrs: Iterable<Cidr> = []) {
    for (const cidr of cidrs) this.#trie.set(cidr, true);
  }

  readonly isReserved = (ip: IpAddress): boolean => this.#trie.size > 0 && this.#trie.lookup(ip) !== undefined;

  /** Whether nothing of a block is left to give. */
  coversBlock(block: Cidr): boolean {
    const found = this.#trie.size > 0 ? this.#trie.lookup(block) : undefined;
    return found !== undefined && splitCidr(found.cidr).prefixLength <= splitCidr(block).prefixLength;
  }
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
