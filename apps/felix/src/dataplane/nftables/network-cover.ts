import { PrefixTrie, splitCidr, type Cidr } from '@calico-node/net';

/** Which networks came to be or ceased to be outermost. */
export interface CoverChange {
  readonly added: readonly Cidr[];
  readonly removed: readonly Cidr[];
}

const nothing: CoverChange = { added: [], removed: [] };

/**
 * Networks that may lie within one another, and which of them are outermost: those that an interval set,
 * which takes no overlaps, must hold. All of one family. The cost of a change is that of the networks inside it.
 */
export class NetworkCover {
  readonly #networks = new PrefixTrie<true>();

  add(cidr: Cidr): CoverChange {
    if (this.#networks.get(cidr) === true) return nothing;
    const isCovered = this.#networks.lookup(cidr) !== undefined;
    const removed = isCovered ? [] : this.#outermostWithin(cidr);
    this.#networks.set(cidr, true);
    return isCovered ? nothing : { added: [cidr], removed };
  }

  delete(cidr: Cidr): CoverChange {
    if (!this.#networks.delete(cidr)) return nothing;
    if (this.#networks.lookup(cidr) !== undefined) return nothing;
    return { added: this.#outermostWithin(cidr), removed: [cidr] };
  }

  /** Of what lies inside `cidr`, `cidr` apart, what nothing else there covers. */
  #outermostWithin(cidr: Cidr): Cidr[] {
    const inside = [...this.#networks.covered(cidr)].map((entry) => entry.cidr).filter((inner) => inner !== cidr);
    const seen = new PrefixTrie<true>();
    return inside
      .sort((a, b) => splitCidr(a).prefixLength - splitCidr(b).prefixLength)
      .filter((inner) => {
        if (seen.lookup(inner) !== undefined) return false;
        seen.set(inner, true);
        return true;
      });
  }
}
