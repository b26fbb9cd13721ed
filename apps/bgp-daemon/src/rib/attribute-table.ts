import { encodeAttributes, type PathAttributes } from '@calico-node/bgp';

/** Path attributes that any number of routes share; equal attributes are one object. */
export interface AttributeSet {
  readonly attributes: PathAttributes;
  readonly key: string;
}

interface Entry extends AttributeSet {
  references: number;
}

/** Keeps every distinct combination of path attributes once, for as long as a route has it. */
export class AttributeTable {
  readonly #byKey = new Map<string, Entry>();
  /** The codec's cache gives the same object for the same bytes: then no key is made. */
  readonly #byObject = new WeakMap<PathAttributes, Entry>();

  get size(): number {
    return this.#byKey.size;
  }

  /** The one set for these attributes, with a reference that the caller releases. */
  acquire(attributes: PathAttributes): AttributeSet {
    const seen = this.#byObject.get(attributes);
    if (seen !== undefined && seen.references > 0) {
      seen.references++;
      return seen;
    }
    const key = keyOf(attributes);
    let entry = this.#byKey.get(key);
    if (entry === undefined) {
      entry = { attributes, key, references: 0 };
      this.#byKey.set(key, entry);
    }
    entry.references++;
    this.#byObject.set(attributes, entry);
    return entry;
  }

  release(set: AttributeSet): void {
    const entry = this.#byKey.get(set.key);
    if (entry === undefined) return;
    entry.references--;
    if (entry.references === 0) this.#byKey.delete(set.key);
  }
}

function keyOf(attributes: PathAttributes): string {
  const bytes = encodeAttributes(attributes, { as4: true, withNextHop: false });
  return `${attributes.nextHop ?? ''} ${attributes.linkLocalNextHop ?? ''} ${Buffer.from(bytes).toString('latin1')}`;
}
