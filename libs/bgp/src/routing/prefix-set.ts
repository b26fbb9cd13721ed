import { familyOf, splitCidr, type Cidr, type Family } from '@calico-node/net';
import { prefixViewOf, type PrefixKey, type PrefixView } from './prefix-view.ts';

/** Networks, however many, that policy asks about: a question costs as many look-ups as they have lengths. */
export class PrefixSet {
  /** As given. Sets of the same networks in the same order are deeply equal. */
  readonly networks: readonly Cidr[];
  /** By length, the shortest first. */
  readonly #byLength: Readonly<Record<Family, ReadonlyMap<number, ReadonlySet<PrefixKey>>>>;

  constructor(networks: readonly Cidr[]) {
    this.networks = networks;
    this.#byLength = { 4: index(networks, 4), 6: index(networks, 6) };
  }

  /** Whether the prefix is one of the networks. */
  has(prefix: PrefixView): boolean {
    return this.#byLength[prefix.family].get(prefix.length)?.has(prefix.key(prefix.length)) === true;
  }

  /** Whether the prefix is one of the networks or lies inside one. */
  covers(prefix: PrefixView): boolean {
    const { length } = prefix;
    for (const [bits, keys] of this.#byLength[prefix.family]) {
      if (bits > length) return false;
      if (keys.has(prefix.key(bits))) return true;
    }
    return false;
  }
}

function index(networks: readonly Cidr[], family: Family): ReadonlyMap<number, ReadonlySet<PrefixKey>> {
  const byLength = new Map<number, Set<PrefixKey>>();
  const ours = networks.filter((network) => familyOf(network) === family);
  for (const bits of [...new Set(ours.map((network) => splitCidr(network).prefixLength))].sort((a, b) => a - b)) {
    byLength.set(bits, new Set());
  }
  for (const network of ours) {
    const view = prefixViewOf(network);
    byLength.get(view.length)?.add(view.key(view.length));
  }
  return byLength;
}
