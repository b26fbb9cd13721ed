import {
  checkPlainImport,
  decodeAttributes,
  encodeAttributes,
  PlainAttributes,
  plainTraits,
  scanPlainAttributes,
  traitsOf,
  usedNextHop,
  type ExportTraits,
  type ImportProblem,
  type ImportTarget,
  type NextHop,
  type PathAttributes,
  type RouteSource,
} from '@calico-node/bgp';
import { ipFromBytes, type IpAddress } from '@calico-node/net';
import { IntList } from './columns.ts';

/** The attributes as a group's peers get them, encoded; compared by identity. */
export interface Outbound {
  /** The octets as characters: a string costs less than an array. */
  readonly attributes: string;
  readonly nextHop: IpAddress | undefined;
  readonly linkLocal?: IpAddress | undefined;
  /** For the flush under way: where its prefixes are collected. */
  bundle: number;
  /** Where its group finds it while slots have it, and how many have: kept by `AnnouncedSlots`. */
  number: number;
  references: number;
}

export function makeOutbound(attributes: string, nextHop: IpAddress | undefined, linkLocal?: IpAddress): Outbound {
  return { attributes, nextHop, linkLocal, bundle: -1, number: 0, references: 0 };
}

/** One group's form of attributes that came from one source, with what its policy adds. */
export interface Variant {
  readonly group: { readonly isInUse: boolean };
  /** The source as it was: a peer's changes with each session. */
  readonly source: RouteSource;
  readonly changes: string;
  /** Undefined: it does not fit into a message. */
  readonly outbound: Outbound | undefined;
  /** Another one's. */
  readonly next: Variant | undefined;
}

/** What a peer's attribute lists are checked against, without the kernel's addresses. */
export type PeerImport = Omit<ImportTarget, 'isLocalAddress'>;

const plainContext = { as4: true, external: false, families: [4], addPath: [] } as const;

/** Path attributes that any number of routes share; equal attributes are one object. */
export class AttributeSet {
  /** Where the RIB's columns find it; used again after it is gone. */
  readonly id: number;
  /** As plain attributes came, an octet per character; of others a form of its own. */
  readonly key: string;
  readonly isPlain: boolean;
  /** Where its routes lead. */
  readonly nextHop: NextHop | undefined;
  readonly traits: ExportTraits;
  /** What came from the peer, where an import filter has made this of it. */
  readonly original: AttributeSet | undefined;
  /** How many routes have it: kept by the RIB and the table. */
  references = 0;
  /** What the update groups make of these attributes; it goes with them. */
  variant: Variant | undefined;
  /** The last peer that they were checked for, and the outcome. */
  checkedFor: PeerImport | undefined;
  problem: ImportProblem | undefined;
  #attributes: PathAttributes | undefined;

  constructor(
    id: number,
    key: string,
    nextHop: NextHop | undefined,
    traits: ExportTraits,
    attributes: PathAttributes | undefined,
    original?: AttributeSet,
  ) {
    this.id = id;
    this.original = original;
    this.key = key;
    this.isPlain = attributes === undefined;
    this.nextHop = nextHop;
    this.traits = traits;
    this.#attributes = attributes;
  }

  /** Decoded when they are first asked for: many never are. */
  get attributes(): PathAttributes {
    if (this.#attributes === undefined) {
      const bytes = new Uint8Array(Buffer.from(this.key, 'latin1'));
      const decoded = decodeAttributes(bytes, 0, bytes.length, plainContext);
      this.#attributes = decoded.kind === 'decoded' ? decoded.attributes : { origin: 'Incomplete', asPath: [] };
    }
    return this.#attributes;
  }
}

/** Keeps every distinct combination of path attributes once, for as long as a route has it. */
export class AttributeTable {
  readonly #byKey = new Map<string, AttributeSet>();
  /** The first is none: an array that begins with an object, or with no number, stays of one kind for the compiler. */
  readonly #sets: (AttributeSet | undefined)[] = [undefined];
  readonly #freeIds = new IntList();
  /** The ids of those that had no route when they were noted: they go with `purge` unless they have one again. */
  readonly #unused = new IntList();
  readonly #nextHops = new Map<number, IpAddress>();
  readonly #plain = new PlainAttributes();
  #bytes: Uint8Array | undefined;
  #buffer: Buffer = Buffer.alloc(0);

  get size(): number {
    return this.#byKey.size;
  }

  /** The set with an id that a route has. */
  get(id: number): AttributeSet | undefined {
    return this.#sets[id];
  }

  /** The one set for these attributes; forgotten by the next `purge` unless a route takes it. */
  intern(attributes: PathAttributes): AttributeSet {
    const key = keyOf(attributes);
    const known = this.#byKey.get(key);
    return known ?? this.#add(key, usedNextHop(attributes), traitsOf(attributes), attributes);
  }

  /** The one set for what an import filter has made of another; that one stays for as long as this one does. */
  derive(original: AttributeSet, attributes: PathAttributes): AttributeSet {
    const key = `${original.id} ${keyOf(attributes)}`;
    return this.#byKey.get(key) ?? this.#add(key, usedNextHop(attributes), traitsOf(attributes), attributes, original);
  }

  /**
   * The one set for a plain attribute list as it came, checked for the peer.
   * `undefined` when the list is not plain.
   */
  findPlain(bytes: Uint8Array, start: number, end: number, target: PeerImport): AttributeSet | undefined {
    const key = this.#text(bytes, start, end);
    let set = this.#byKey.get(key);
    if (set?.checkedFor === target) return set;
    const plain = this.#plain;
    if (!scanPlainAttributes(bytes, start, end, target.external, plain)) return undefined;
    set ??= this.#add(key, this.#nextHop(plain.nextHop), plainTraits(bytes, plain), undefined);
    set.checkedFor = target;
    set.problem = checkPlainImport(bytes, plain, target);
    return set;
  }

  /** A route has it no more. */
  release(id: number): void {
    const set = this.#sets[id];
    if (set !== undefined && --set.references === 0) this.#unused.push(id);
  }

  /** Forgets the sets that no route has any more. */
  purge(): void {
    // Originals that are released by this are appended.
    for (let index = 0; index < this.#unused.length; index++) this.#forget(this.#sets[this.#unused.at(index)]);
    this.#unused.clear();
    if (this.#byKey.size === 0) this.#nextHops.clear();
  }

  #forget(set: AttributeSet | undefined): void {
    if (set === undefined || set.references > 0) return;
    this.#byKey.delete(set.key);
    this.#sets[set.id] = undefined;
    this.#freeIds.push(set.id);
    if (set.original !== undefined) this.release(set.original.id);
  }

  #add(
    key: string,
    nextHop: NextHop | undefined,
    traits: ExportTraits,
    attributes: PathAttributes | undefined,
    original?: AttributeSet,
  ): AttributeSet {
    const free = this.#freeIds.pop();
    const id = free < 0 ? this.#sets.length : free;
    const set = new AttributeSet(id, key, nextHop, traits, attributes, original);
    if (original !== undefined) original.references++;
    this.#sets[id] = set;
    this.#byKey.set(key, set);
    this.#unused.push(id);
    return set;
  }

  #nextHop(value: number): IpAddress {
    let address = this.#nextHops.get(value);
    if (address === undefined) {
      address = ipFromBytes(Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value));
      this.#nextHops.set(value, address);
    }
    return address;
  }

  #text(bytes: Uint8Array, start: number, end: number): string {
    if (this.#bytes !== bytes) {
      this.#bytes = bytes;
      this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    return this.#buffer.toString('latin1', start, end);
  }
}

/** Cannot be a plain list: no flags octet is an `n`, nor a digit with what follows it here. */
function keyOf(attributes: PathAttributes): string {
  const bytes = encodeAttributes(attributes, { as4: true, withNextHop: false });
  const { nextHop = '', linkLocalNextHop = '', linkInterface = '', priority = '' } = attributes;
  return `n ${nextHop} ${linkLocalNextHop}%${linkInterface} ${priority} ${Buffer.from(bytes).toString('latin1')}`;
}
