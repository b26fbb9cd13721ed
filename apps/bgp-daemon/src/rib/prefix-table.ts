import { readPrefix, u8, writeNlri, ByteWriter, type PrefixView } from '@calico-node/bgp';
import { familyOf, type Cidr, type Family } from '@calico-node/net';
import { IntColumn } from './int-column.ts';

/** A network in the form that the table compares prefixes with. */
interface Network {
  readonly bits: number;
  readonly words: Int32Array;
}

/** More networks than any configuration names: their forms are remembered up to this many. */
const maxNetworks = 4096;

class TableView implements PrefixView {
  id = 0;
  readonly #table: PrefixTable;
  readonly #networks = new Map<Cidr, Network>();

  constructor(table: PrefixTable) {
    this.#table = table;
  }

  get family(): Family {
    return this.#table.family;
  }

  get length(): number {
    return this.#table.lengthOf(this.id);
  }

  isIn(network: Cidr): boolean {
    let known = this.#networks.get(network);
    if (known === undefined) {
      if (familyOf(network) !== this.#table.family) return false;
      if (this.#networks.size >= maxNetworks) this.#networks.clear();
      known = networkOf(network);
      this.#networks.set(network, known);
    }
    return this.#table.isIn(this.id, known);
  }
}

function networkOf(network: Cidr): Network {
  const encoded = encode(network);
  const words = new Int32Array(4);
  for (let at = 1; at < encoded.length; at++)
    words[(at - 1) >> 2] = (words[(at - 1) >> 2] ?? 0) | (u8(encoded, at) << (24 - 8 * ((at - 1) & 3)));
  return { bits: u8(encoded, 0), words };
}

/**
 * Gives every prefix of one family a small number, which indexes the columns of the RIB. A chained hash
 * table over flat arrays: no object and no string per prefix. Numbers of removed prefixes are used again.
 */
export class PrefixTable {
  readonly family: Family;
  readonly #words: 1 | 4;
  readonly #keys = new IntColumn(0);
  readonly #bits = new IntColumn(-1);
  readonly #next = new IntColumn(-1);
  readonly #free: number[] = [];
  readonly #viewed: TableView = new TableView(this);
  readonly #key = new Int32Array(4);
  #heads = new Int32Array(64).fill(-1);
  #end = 0;
  #size = 0;

  constructor(family: Family) {
    this.family = family;
    this.#words = family === 4 ? 1 : 4;
  }

  get size(): number {
    return this.#size;
  }

  /** All numbers in use are below this. */
  get end(): number {
    return this.#end;
  }

  has(id: number): boolean {
    return this.#bits.get(id) >= 0;
  }

  /** The number of an encoded prefix (address at `at`, host bits may be set); -1 if unknown. */
  find(bytes: Uint8Array, at: number, bits: number): number {
    this.#load(bytes, at, bits);
    return this.#lookup(this.#slot(bits), bits);
  }

  /** The number of an encoded prefix, new if need be. */
  intern(bytes: Uint8Array, at: number, bits: number): number {
    this.#load(bytes, at, bits);
    const known = this.#lookup(this.#slot(bits), bits);
    if (known >= 0) return known;
    if (this.#size >= this.#heads.length) this.#rehash();
    const id = this.#free.pop() ?? this.#end++;
    for (let word = 0; word < this.#words; word++) this.#keys.set(id * this.#words + word, this.#key[word] ?? 0);
    this.#bits.set(id, bits);
    this.#link(id, this.#slot(bits));
    this.#size++;
    return id;
  }

  findCidr(prefix: Cidr): number {
    const encoded = encode(prefix);
    return this.find(encoded, 1, u8(encoded, 0));
  }

  internCidr(prefix: Cidr): number {
    const encoded = encode(prefix);
    return this.intern(encoded, 1, u8(encoded, 0));
  }

  /** Forgets a prefix. Its number may come back for another one. */
  remove(id: number): void {
    const bits = this.#bits.get(id);
    if (bits < 0) return;
    for (let word = 0; word < this.#words; word++) this.#key[word] = this.#keys.get(id * this.#words + word);
    const slot = this.#slot(bits);
    const next = this.#next.get(id);
    let previous = this.#heads[slot] ?? -1;
    if (previous === id) this.#heads[slot] = next;
    else {
      while (this.#next.get(previous) !== id) previous = this.#next.get(previous);
      this.#next.set(previous, next);
    }
    this.#bits.set(id, -1);
    this.#free.push(id);
    this.#size--;
  }

  /** Writes the length octet and the address of a prefix to `out` (17 octets suffice); gives their number. */
  encode(id: number, out: Uint8Array): number {
    const bits = this.#bits.get(id);
    const octets = (bits + 7) >> 3;
    out[0] = bits;
    for (let index = 0; index < octets; index++) {
      const word = this.#keys.get(id * this.#words + (index >> 2));
      out[index + 1] = (word >>> (24 - 8 * (index & 3))) & 0xff;
    }
    return octets + 1;
  }

  /** A prefix as policy sees it; valid until the next call. */
  view(id: number): PrefixView {
    this.#viewed.id = id;
    return this.#viewed;
  }

  lengthOf(id: number): number {
    return this.#bits.get(id);
  }

  /** Whether a prefix is a network or lies inside it. */
  isIn(id: number, { bits, words }: Network): boolean {
    if (this.#bits.get(id) < bits) return false;
    for (let word = 0; word * 32 < bits; word++) {
      const left = bits - 32 * word;
      const mask = left >= 32 ? -1 : -1 << (32 - left);
      if ((this.#keys.get(id * this.#words + word) & mask) !== words[word]) return false;
    }
    return true;
  }

  cidr(id: number): Cidr {
    const encoded = new Uint8Array(17);
    this.encode(id, encoded);
    return readPrefix(this.family, encoded, 1, u8(encoded, 0));
  }

  #load(bytes: Uint8Array, at: number, bits: number): void {
    for (let word = 0; word < this.#words; word++) {
      const left = bits - 32 * word;
      let value = 0;
      for (let octet = 0; octet < 4 && left > octet * 8; octet++) {
        value |= u8(bytes, at + word * 4 + octet) << (24 - 8 * octet);
      }
      this.#key[word] = left >= 32 ? value : left <= 0 ? 0 : value & (-1 << (32 - left));
    }
  }

  #slot(bits: number): number {
    const key = this.#key;
    let hash = Math.imul((key[0] ?? 0) ^ Math.imul(bits, 0x9e3779b1), 0x85ebca6b);
    if (this.#words === 4) {
      hash = Math.imul(hash ^ (hash >>> 15) ^ (key[1] ?? 0), 0xc2b2ae35);
      hash = Math.imul(hash ^ (hash >>> 13) ^ (key[2] ?? 0), 0x27d4eb2f);
      hash = Math.imul(hash ^ (hash >>> 16) ^ (key[3] ?? 0), 0x165667b1);
    }
    return (hash ^ (hash >>> 15)) & (this.#heads.length - 1);
  }

  #lookup(slot: number, bits: number): number {
    for (let id = this.#heads[slot] ?? -1; id >= 0; id = this.#next.get(id)) {
      if (this.#bits.get(id) === bits && this.#isKey(id)) return id;
    }
    return -1;
  }

  #isKey(id: number): boolean {
    for (let word = 0; word < this.#words; word++) {
      if (this.#keys.get(id * this.#words + word) !== this.#key[word]) return false;
    }
    return true;
  }

  #link(id: number, slot: number): void {
    this.#next.set(id, this.#heads[slot] ?? -1);
    this.#heads[slot] = id;
  }

  #rehash(): void {
    const saved = this.#key.slice();
    this.#heads = new Int32Array(this.#heads.length * 4).fill(-1);
    for (let id = 0; id < this.#end; id++) {
      const bits = this.#bits.get(id);
      if (bits < 0) continue;
      for (let word = 0; word < this.#words; word++) this.#key[word] = this.#keys.get(id * this.#words + word);
      this.#link(id, this.#slot(bits));
    }
    this.#key.set(saved);
  }
}

function encode(prefix: Cidr): Uint8Array {
  const writer = new ByteWriter(17);
  writeNlri(writer, prefix);
  return writer.finish();
}
