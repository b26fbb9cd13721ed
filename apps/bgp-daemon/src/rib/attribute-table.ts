import { encodeAttributes, type PathAttributes, type RouteSource } from '@calico-node/bgp';
import type { IpAddress } from '@calico-node/net';

/** The attributes as a group's peers get them, encoded; compared by identity. */
export interface Outbound {
  readonly attributes: Uint8Array;
  readonly nextHop: IpAddress | undefined;
}

/** One group's form of attributes that came from one source, with what its policy adds. */
export interface Variant {
  readonly group: { readonly isInUse: boolean };
  /** The source as it was: a peer's changes with each session. */
  readonly source: RouteSource;
  readonly extra: string;
  readonly outbound: Outbound;
}

/** Path attributes that any number of routes share; equal attributes are one object. */
export class AttributeSet {
  readonly attributes: PathAttributes;
  readonly key: string;
  /** Kept by the table. */
  references = 0;
  /** What the update groups make of these attributes; it goes with them. */
  readonly variants: Variant[] = [];

  constructor(attributes: PathAttributes, key: string) {
    this.attributes = attributes;
    this.key = key;
  }
}

/** Keeps every distinct combination of path attributes once, for as long as a route has it. */
export class AttributeTable {
  readonly #byKey = new Map<string, AttributeSet>();

  get size(): number {
    return this.#byKey.size;
  }

  /** The one set for these attributes, with a reference that the caller releases. */
  acquire(attributes: PathAttributes): AttributeSet {
    const key = keyOf(attributes);
    let set = this.#byKey.get(key);
    if (set === undefined) {
      set = new AttributeSet(attributes, key);
      this.#byKey.set(key, set);
    }
    return this.retain(set);
  }

  /** One more reference to a set that the caller holds. */
  retain(set: AttributeSet): AttributeSet {
    set.references++;
    return set;
  }

  release(set: AttributeSet): void {
    set.references--;
    if (set.references === 0) this.#byKey.delete(set.key);
  }
}

function keyOf(attributes: PathAttributes): string {
  const bytes = encodeAttributes(attributes, { as4: true, withNextHop: false });
  return `${attributes.nextHop ?? ''} ${attributes.linkLocalNextHop ?? ''} ${Buffer.from(bytes).toString('latin1')}`;
}
