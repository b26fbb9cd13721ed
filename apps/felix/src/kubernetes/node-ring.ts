import { xxh3 } from './xxh3.ts';

/** Places of each node on the ring. */
const REPLICAS = 100;

interface Place {
  readonly hash: bigint;
  readonly node: string;
}

/**
 * The nodes of a cluster on a ring of hashes, on which each key belongs to the node whose place follows that of the
 * key. It is Calico's: all nodes, ours and Calico's, give a key to the same one, and a node that comes or goes takes
 * only its own share along.
 */
export class NodeRing {
  readonly #nodes = new Set<string>();
  /** Sorted; undefined where nodes have changed since. */
  #places: readonly Place[] | undefined;

  add(node: string): void {
    if (this.#nodes.has(node)) return;
    this.#nodes.add(node);
    this.#places = undefined;
  }

  delete(node: string): void {
    if (this.#nodes.delete(node)) this.#places = undefined;
  }

  /** Undefined where there are no nodes. */
  ownerOf(key: string): string | undefined {
    const places = (this.#places ??= this.#place());
    const hash = hashOf(key, 0);
    let low = 0;
    let high = places.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((places[middle]?.hash ?? 0n) < hash) low = middle + 1;
      else high = middle;
    }
    return (places[low] ?? places[0])?.node;
  }

  #place(): readonly Place[] {
    return [...this.#nodes]
      .flatMap((node) => Array.from({ length: REPLICAS }, (_, index) => ({ hash: hashOf(node, index), node })))
      .sort((a, b) => compare(a.hash, b.hash) || compare(a.node, b.node));
  }
}

/** Of the text, a zero byte and the index in four bytes, the lowest first. */
function hashOf(text: string, index: number): bigint {
  const bytes = Buffer.alloc(Buffer.byteLength(text) + 5);
  bytes.writeInt32LE(index, bytes.write(text) + 1);
  return xxh3(bytes);
}

function compare<T extends bigint | string>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
