import { asCidr, splitCidr, type Cidr } from './cidr.ts';
import { ipToBytes, type Family, type IpAddress } from './ip.ts';
import { bitAt, commonBits } from './prefix-bits.ts';

export interface PrefixEntry<V> {
  readonly cidr: Cidr;
  readonly value: V;
}

/** A node of the trie; without an entry it only joins two branches. */
interface TrieNode<V> {
  readonly bytes: Uint8Array;
  readonly length: number;
  entry: PrefixEntry<V> | undefined;
  readonly children: [TrieNode<V> | undefined, TrieNode<V> | undefined];
}

interface Prefix {
  readonly bytes: Uint8Array;
  readonly length: number;
  readonly family: Family;
}

function prefixOf(ipOrCidr: IpAddress | Cidr): Prefix {
  const { ip, prefixLength, family } = splitCidr(asCidr(ipOrCidr));
  return { bytes: ipToBytes(ip), length: prefixLength, family };
}

function covers<V>(node: TrieNode<V>, prefix: Prefix): boolean {
  return node.length <= prefix.length && commonBits(node.bytes, prefix.bytes, node.length) === node.length;
}

/**
 * A map from network to value that answers longest-prefix-match: a path-compressed binary trie for each
 * family, so every operation takes at most as many steps as an address has bits.
 */
export class PrefixTrie<V> {
  readonly #roots: Record<Family, TrieNode<V>> = { 4: rootNode(4), 6: rootNode(16) };
  #size = 0;

  /** Networks in the map. */
  get size(): number {
    return this.#size;
  }

  set(cidr: Cidr, value: V): void {
    const prefix = prefixOf(cidr);
    let node = this.#roots[prefix.family];
    for (;;) {
      if (node.length === prefix.length) {
        if (node.entry === undefined) this.#size++;
        node.entry = { cidr, value };
        return;
      }
      const branch = bitAt(prefix.bytes, node.length);
      const child = node.children[branch];
      if (child === undefined) {
        node.children[branch] = leafNode(prefix, { cidr, value });
        this.#size++;
        return;
      }
      const shared = commonBits(child.bytes, prefix.bytes, Math.min(child.length, prefix.length));
      if (shared < child.length) {
        const fork: TrieNode<V> = {
          bytes: prefix.bytes,
          length: shared,
          entry: undefined,
          children: [undefined, undefined],
        };
        fork.children[bitAt(child.bytes, shared)] = child;
        node.children[branch] = fork;
        node = fork;
      } else {
        node = child;
      }
    }
  }

  get(cidr: Cidr): V | undefined {
    return this.#path(prefixOf(cidr)).at(-1)?.entry?.value;
  }

  /** Whether the network was in the map. */
  delete(cidr: Cidr): boolean {
    const prefix = prefixOf(cidr);
    const path = this.#path(prefix);
    const node = path.at(-1);
    if (node?.entry === undefined) return false;
    node.entry = undefined;
    this.#size--;
    for (let depth = path.length - 1; depth > 0; depth--) {
      const [current, parent] = [path[depth], path[depth - 1]];
      if (current === undefined || parent === undefined || current.entry !== undefined) break;
      const [zero, one] = current.children;
      if (zero !== undefined && one !== undefined) break;
      parent.children[bitAt(current.bytes, parent.length)] = zero ?? one;
    }
    return true;
  }

  /** The narrowest network in the map that contains the address or network. */
  lookup(ipOrCidr: IpAddress | Cidr): PrefixEntry<V> | undefined {
    let found: PrefixEntry<V> | undefined;
    for (const entry of this.covering(ipOrCidr)) found = entry;
    return found;
  }

  /** Every network in the map that contains the address or network, widest first. */
  *covering(ipOrCidr: IpAddress | Cidr): IterableIterator<PrefixEntry<V>> {
    const prefix = prefixOf(ipOrCidr);
    let node: TrieNode<V> | undefined = this.#roots[prefix.family];
    while (node !== undefined && covers(node, prefix)) {
      if (node.entry !== undefined) yield node.entry;
      if (node.length === prefix.length) return;
      node = node.children[bitAt(prefix.bytes, node.length)];
    }
  }

  /** Every network in the map that lies in `cidr` (itself too), in compareCidr's order. */
  *covered(cidr: Cidr): IterableIterator<PrefixEntry<V>> {
    const prefix = prefixOf(cidr);
    let node: TrieNode<V> | undefined = this.#roots[prefix.family];
    while (node !== undefined && node.length < prefix.length) {
      if (!covers(node, prefix)) return;
      node = node.children[bitAt(prefix.bytes, node.length)];
    }
    if (node !== undefined && commonBits(node.bytes, prefix.bytes, prefix.length) === prefix.length) yield* walk(node);
  }

  /** Every entry, in compareCidr's order. */
  *entries(): IterableIterator<PrefixEntry<V>> {
    yield* walk(this.#roots[4]);
    yield* walk(this.#roots[6]);
  }

  /** The nodes from the root to exactly `prefix`, empty where there is no such node. */
  #path(prefix: Prefix): TrieNode<V>[] {
    const path: TrieNode<V>[] = [];
    let node: TrieNode<V> | undefined = this.#roots[prefix.family];
    while (node !== undefined && covers(node, prefix)) {
      path.push(node);
      if (node.length === prefix.length) return path;
      node = node.children[bitAt(prefix.bytes, node.length)];
    }
    return [];
  }
}

function rootNode<V>(byteLength: 4 | 16): TrieNode<V> {
  return { bytes: new Uint8Array(byteLength), length: 0, entry: undefined, children: [undefined, undefined] };
}

function leafNode<V>({ bytes, length }: Prefix, entry: PrefixEntry<V>): TrieNode<V> {
  return { bytes, length, entry, children: [undefined, undefined] };
}

function* walk<V>(node: TrieNode<V>): IterableIterator<PrefixEntry<V>> {
  if (node.entry !== undefined) yield node.entry;
  for (const child of node.children) if (child !== undefined) yield* walk(child);
}
