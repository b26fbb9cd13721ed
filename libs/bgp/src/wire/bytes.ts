/** Big-endian reads in place; past the end they give zero, so bounds are the caller's to check first. */
export function u8(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

export function u16(bytes: Uint8Array, at: number): number {
  return (u8(bytes, at) << 8) | u8(bytes, at + 1);
}

export function u32(bytes: Uint8Array, at: number): number {
  return ((u16(bytes, at) << 16) | u16(bytes, at + 2)) >>> 0;
}

/** A growing buffer written in network byte order. */
export class ByteWriter {
  #bytes: Uint8Array;
  #length = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  u16(value: number): this {
    this.#reserve(2);
    const at = this.#length;
    this.#bytes[at] = value >>> 8;
    this.#bytes[at + 1] = value;
    this.#length = at + 2;
    return this;
  }

  u32(value: number): this {
    this.#reserve(4);
    const at = this.#length;
    this.#bytes[at] = value >>> 24;
    this.#bytes[at + 1] = value >>> 16;
    this.#bytes[at + 2] = value >>> 8;
    this.#bytes[at + 3] = value;
    this.#length = at + 4;
    return this;
  }

  /** A prefix of IPv4: its length, then as many octets of the address as that takes (RFC 4271 4.3). */
  prefix4(address: number, bits: number): this {
    this.#reserve(5);
    const at = this.#length;
    const bytes = this.#bytes;
    bytes[at] = bits;
    // Octets beyond the length are overwritten by what follows.
    bytes[at + 1] = address >>> 24;
    bytes[at + 2] = address >>> 16;
    bytes[at + 3] = address >>> 8;
    bytes[at + 4] = address;
    this.#length = at + 1 + ((bits + 7) >> 3);
    return this;
  }

  bytes(source: Uint8Array): this {
    this.#reserve(source.length);
    this.#bytes.set(source, this.#length);
    this.#length += source.length;
    return this;
  }

  /** Appends `size` octets of `source` from `at` on: for a few, this is cheaper than a view. */
  copy(source: Uint8Array, at: number, size: number): this {
    this.#reserve(size);
    const bytes = this.#bytes;
    const to = this.#length;
    for (let index = 0; index < size; index++) bytes[to + index] = u8(source, at + index);
    this.#length = to + size;
    return this;
  }

  fill(value: number, count: number): this {
    this.#reserve(count);
    this.#bytes.fill(value, this.#length, this.#length + count);
    this.#length += count;
    return this;
  }

  /** Overwrites two bytes already written, for lengths known only afterwards. */
  patchU16(at: number, value: number): void {
    this.#bytes[at] = value >>> 8;
    this.#bytes[at + 1] = value & 0xff;
  }

  /** A copy of what has been written. */
  finish(): Uint8Array<ArrayBuffer> {
    const copy = new Uint8Array(this.#length);
    copy.set(this.#bytes.subarray(0, this.#length));
    return copy;
  }

  /** Starts over, keeping the memory. */
  reset(): void {
    this.#length = 0;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
