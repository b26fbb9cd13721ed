import { ByteWriter, prefixKey, u8, writeNlri, type PrefixKey, type PrefixView } from '@calico-node/bgp';
import { familyOf, type Cidr, type Family } from '@calico-node/net';
import type { PrefixTable } from './prefix-table.ts';

/** A network in the form that the table compares prefixes with. */
export interface Network {
  readonly bits: number;
  readonly words: Int32Array;
}

/** More networks than any configuration names: their forms are remembered up to this many. */
const maxNetworks = 4096;

/** A prefix of a table as policy sees it. */
export class TableView implements PrefixView {
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

  key(bits: number): PrefixKey {
    if (this.#table.family === 6) return prefixKey(this.#table.words(this.id), bits);
    // The same, without making a list of one word.
    return bits === 0 ? 0 : this.#table.address4(this.id) & (-1 << (32 - bits));
  }
}

function networkOf(network: Cidr): Network {
  const encoded = encode(network);
  const words = new Int32Array(4);
  for (let at = 1; at <= 16; at++)
    words[(at - 1) >> 2] = (words[(at - 1) >> 2] ?? 0) | (u8(encoded, at) << (24 - 8 * ((at - 1) & 3)));
  return { bits: u8(encoded, 0), words };
}

/** A prefix as messages have it, and zeros: code that has read past the end of an array is slower from then on. */
export function encode(prefix: Cidr): Uint8Array {
  const writer = new ByteWriter(33);
  writeNlri(writer, prefix);
  return writer.fill(0, 16).finish();
}
