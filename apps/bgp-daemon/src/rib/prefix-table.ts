import { readPrefix, u8, type PrefixView } from '@calico-node/bgp';
import type { Cidr, Family } from '@calico-node/net';
import { grown, IntList } from './columns.ts';
import { encode, TableView, type Network } from './table-view.ts';

/** What a table has room for at first: the pages of large arrays cost no memory before they are written to. */
const firstRoom: Readonly<Record<Family, number>> = { 4: 1 << 17, 6: 1 << 13 };

/**
 * Gives every prefix of one family a small number, which indexes the columns of the RIB. A hash table with
 * open addressing over flat arrays: no object and no string per prefix. Numbers are given in the order in which prefixes
 * come, so that prefixes that come together are near each other. Those of removed prefixes are used again.
 */
export class PrefixTable {
  readonly family: Family;
  readonly #words: 1 | 4;
  #keys: Int32Array;
  /** The prefixes' lengths + 1; zero for a number that is not in use. */
  #lengths: Uint8Array;
  readonly #free = new IntList();
  readonly #viewed: TableView = new TableView(this);
  readonly #key = new Int32Array(4);
  #run = new Int32Array(4096);
  /**
   * A number + 1 in the bits of the mask, and above them those of the prefix's hash: a prefix that is not the right one is
   * mostly known by them, without looking at it. Twice as many as there is room for.
   */
  #slots: Int32Array;
  #mask: number;
  #end = 0;
  #size = 0;

  /** @param room how many prefixes it has memory for at first; a power of two. */
  constructor(family: Family, room = firstRoom[family]) {
    this.family = family;
    this.#words = family === 4 ? 1 : 4;
    this.#keys = new Int32Array(room * this.#words);
    this.#lengths = new Uint8Array(room);
    this.#slots = new Int32Array(2 * room);
    this.#mask = 2 * room - 1;
  }

  /** How many prefixes it has memory for; there may come to be more. */
  get room(): number {
    return this.#lengths.length;
  }

  /** What `findRun` and `internRun` have found, in the order of the prefixes. */
  get run(): Int32Array {
    return this.#run;
  }

  get size(): number {
    return this.#size;
  }

  /** All numbers in use are below this. */
  get end(): number {
    return this.#end;
  }

  has(id: number): boolean {
    return (this.#lengths[id] ?? 0) !== 0;
  }

  /** The number of an encoded prefix (address at `at`, host bits may be set); -1 if unknown. */
  find(bytes: Uint8Array, at: number, bits: number): number {
    return this.#find(this.#load(bytes, at, bits), bits);
  }

  /** The number of an encoded prefix, new if need be. */
  intern(bytes: Uint8Array, at: number, bits: number): number {
    const word = this.#load(bytes, at, bits);
    const known = this.#find(word, bits);
    return known >= 0 ? known : this.#add(word, bits);
  }

  /**
   * Puts the numbers of encoded prefixes that stand one after the other into `run`, -1 for unknown ones; gives how many
   * they are. All at once, since look-ups then do not wait for one another's memory.
   */
  findRun(bytes: Uint8Array, start: number, end: number): number {
    const run = this.#roomFor(end - start);
    let count = 0;
    for (let at = start; at < end; count++) {
      const bits = bytes[at] ?? 0;
      run[count] = this.find(bytes, at + 1, bits);
      at += 1 + ((bits + 7) >> 3);
    }
    return count;
  }

  /** The same, with new numbers for unknown ones; -1 for what cannot be a destination. */
  internRun(bytes: Uint8Array, start: number, end: number): number {
    const run = this.#roomFor(end - start);
    let count = 0;
    for (let at = start; at < end; count++) {
      const bits = bytes[at] ?? 0;
      run[count] = this.isDestination(bytes, at) ? this.intern(bytes, at + 1, bits) : -1;
      at += 1 + ((bits + 7) >> 3);
    }
    return count;
  }

  /** Whether an encoded prefix, its length octet at `at`, is none of multicast. */
  isDestination(bytes: Uint8Array, at: number): boolean {
    const bits = bytes[at] ?? 0;
    const first = bytes[at + 1] ?? 0;
    return this.#words === 1 ? bits < 4 || first < 0xe0 || first >= 0xf0 : bits < 8 || first !== 0xff;
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
    const bits = this.lengthOf(id);
    if (bits < 0) return;
    const slots = this.#slots;
    const mask = this.#mask;
    let slot = hashOf(this.#wordOf(id), bits) & mask;
    while (((slots[slot] ?? 0) & mask) !== id + 1) slot = (slot + 1) & mask;
    // What stands behind moves up, so that no look-up ends at the gap.
    for (let next = (slot + 1) & mask; (slots[next] ?? 0) !== 0; next = (next + 1) & mask) {
      const other = slots[next] ?? 0;
      const home = this.#hashOf((other & mask) - 1);
      if (((next - home) & mask) < ((next - slot) & mask)) continue;
      slots[slot] = other;
      slot = next;
    }
    slots[slot] = 0;
    this.#lengths[id] = 0;
    this.#free.push(id);
    this.#size--;
  }

  /** Writes the length octet and the address of a prefix to `out` (17 octets suffice); gives their number. */
  encode(id: number, out: Uint8Array): number {
    const bits = Math.max(0, this.lengthOf(id));
    const octets = (bits + 7) >> 3;
    out[0] = bits;
    for (let index = 0; index < octets; index++) {
      const word = this.#keys[id * this.#words + (index >> 2)] ?? 0;
      out[index + 1] = (word >>> (24 - 8 * (index & 3))) & 0xff;
    }
    return octets + 1;
  }

  /** The address of a prefix of IPv4, as a number. */
  address4(id: number): number {
    return this.#keys[id] ?? 0;
  }

  /** A prefix as policy sees it; valid until the next call. */
  view(id: number): PrefixView {
    this.#viewed.id = id;
    return this.#viewed;
  }

  /** -1 for a number that is not in use. */
  lengthOf(id: number): number {
    return (this.#lengths[id] ?? 0) - 1;
  }

  /** The words of a prefix's address. */
  words(id: number): Int32Array {
    return this.#keys.subarray(id * this.#words, (id + 1) * this.#words);
  }

  /** Whether a prefix is a network or lies inside it. */
  isIn(id: number, { bits, words }: Network): boolean {
    if (this.lengthOf(id) < bits) return false;
    for (let word = 0; word * 32 < bits; word++) {
      const left = bits - 32 * word;
      const mask = left >= 32 ? -1 : -1 << (32 - left);
      if (((this.#keys[id * this.#words + word] ?? 0) & mask) !== words[word]) return false;
    }
    return true;
  }

  cidr(id: number): Cidr {
    const encoded = new Uint8Array(17);
    this.encode(id, encoded);
    return readPrefix(this.family, encoded, 1, u8(encoded, 0));
  }

  /** Takes the prefix into `#key` and gives the word that stands for it in a slot. */
  #load(bytes: Uint8Array, at: number, bits: number): number {
    if (this.#words === 1) {
      if (bits === 0) return 0;
      // Octets past the prefix are read and masked off.
      const address =
        ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
      return address & (-1 << (32 - bits));
    }
    const key = this.#key;
    for (let word = 0; word < 4; word++) {
      const left = bits - 32 * word;
      let value = 0;
      for (let octet = 0; octet < 4 && left > octet * 8; octet++) {
        value |= u8(bytes, at + word * 4 + octet) << (24 - 8 * octet);
      }
      key[word] = left >= 32 ? value : left <= 0 ? 0 : value & (-1 << (32 - left));
    }
    return mix6(key, 0);
  }

  #find(word: number, bits: number): number {
    const slots = this.#slots;
    const mask = this.#mask;
    const keys = this.#keys;
    const lengths = this.#lengths;
    const isShort = this.#words === 1;
    const hash = hashOf(word, bits);
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot] ?? 0;
      if (entry === 0) return -1;
      if (((entry ^ hash) & ~mask) !== 0) continue;
      const id = (entry & mask) - 1;
      if (lengths[id] === bits + 1 && (isShort ? keys[id] === word : this.#isKey(id))) return id;
    }
  }

  #add(word: number, bits: number): number {
    const free = this.#free.pop();
    const id = free >= 0 ? free : this.#end++;
    if (id >= this.#lengths.length) this.#grow();
    if (this.#words === 1) this.#keys[id] = word;
    else this.#keys.set(this.#key, 4 * id);
    this.#lengths[id] = bits + 1;
    this.#place(hashOf(word, bits), id);
    this.#size++;
    return id;
  }

  #roomFor(count: number): Int32Array {
    if (this.#run.length < count) this.#run = new Int32Array(count);
    return this.#run;
  }

  #place(hash: number, id: number): void {
    const slots = this.#slots;
    const mask = this.#mask;
    let slot = hash & mask;
    while ((slots[slot] ?? 0) !== 0) slot = (slot + 1) & mask;
    slots[slot] = (hash & ~mask) | (id + 1);
  }

  #hashOf(id: number): number {
    return hashOf(this.#wordOf(id), this.lengthOf(id));
  }

  #isKey(id: number): boolean {
    for (let word = 0; word < 4; word++) {
      if (this.#keys[id * 4 + word] !== this.#key[word]) return false;
    }
    return true;
  }

  #wordOf(id: number): number {
    return this.#words === 1 ? (this.#keys[id] ?? 0) : mix6(this.#keys, 4 * id);
  }

  /** Twice the room, with all in new slots. */
  #grow(): void {
    const room = 2 * this.room;
    this.#keys = grown(this.#keys, room * this.#words);
    this.#lengths = grown(this.#lengths, room);
    this.#slots = new Int32Array(2 * room);
    this.#mask = 2 * room - 1;
    for (let id = 0; id < room; id++) if (this.has(id)) this.#place(this.#hashOf(id), id);
  }
}

function hashOf(word: number, bits: number): number {
  const hash = Math.imul(word ^ (bits << 3), 0x85ebca6b);
  return hash ^ (hash >>> 15);
}

/** One word for the four of an IPv6 address. */
function mix6(key: Int32Array, at: number): number {
  let hash = key[at] ?? 0;
  hash = Math.imul(hash ^ (hash >>> 15) ^ (key[at + 1] ?? 0), 0xc2b2ae35);
  hash = Math.imul(hash ^ (hash >>> 13) ^ (key[at + 2] ?? 0), 0x27d4eb2f);
  return Math.imul(hash ^ (hash >>> 16) ^ (key[at + 3] ?? 0), 0x165667b1);
}
