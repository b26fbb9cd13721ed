/** Set on the type of an attribute that holds attributes. */
const NLA_F_NESTED = 0x8000;
const NLA_HEADER_BYTES = 4;
const NLA_MAX_BYTES = 0xffff;

const encoder = new TextEncoder();

/** Rounds up to netlink's alignment of 4 bytes. */
export function align4(length: number): number {
  return (length + 3) & ~3;
}

/** The view over a fixed header's bytes, or over a message's body. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Out of Node's pool: an array buffer of its own for each of 100,000 small messages costs more than all the rest. */
function zeroed(length: number): Uint8Array {
  return Buffer.allocUnsafe(length).fill(0);
}

/**
 * Writes the body of one netlink message: its family's fixed header, then type-length-value attributes,
 * each padded to 4 bytes (include/uapi/linux/netlink.h, `struct nlattr`).
 *
 * Plain integers are in host order, which is little-endian on every machine we run on; the `be` ones are in
 * network order. Every method returns the writer. A value too long for its 16-bit length throws a RangeError.
 */
export class AttributeWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  /** @param header the fixed header that the message's family wants before its attributes, if any. */
  constructor(header?: Uint8Array, capacity = 128) {
    this.#bytes = zeroed(Math.max(capacity, header?.length ?? 0));
    this.#view = viewOf(this.#bytes);
    if (header !== undefined) this.raw(header);
  }

  /** The bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** Bytes as they are, without an attribute header: a fixed header, or attributes that were encoded before. */
  raw(bytes: Uint8Array): this {
    const start = this.#reserve(align4(bytes.length));
    this.#bytes.set(bytes, start);
    return this;
  }

  u8(type: number, value: number): this {
    const start = this.#attribute(type, 1);
    this.#view.setUint8(start, value);
    return this;
  }

  u16(type: number, value: number): this {
    const start = this.#attribute(type, 2);
    this.#view.setUint16(start, value, true);
    return this;
  }

  u32(type: number, value: number): this {
    const start = this.#attribute(type, 4);
    this.#view.setUint32(start, value, true);
    return this;
  }

  s32(type: number, value: number): this {
    const start = this.#attribute(type, 4);
    this.#view.setInt32(start, value, true);
    return this;
  }

  u64(type: number, value: bigint): this {
    const start = this.#attribute(type, 8);
    this.#view.setBigUint64(start, value, true);
    return this;
  }

  be16(type: number, value: number): this {
    const start = this.#attribute(type, 2);
    this.#view.setUint16(start, value);
    return this;
  }

  be32(type: number, value: number): this {
    const start = this.#attribute(type, 4);
    this.#view.setUint32(start, value);
    return this;
  }

  be64(type: number, value: bigint): this {
    const start = this.#attribute(type, 8);
    this.#view.setBigUint64(start, value);
    return this;
  }

  bytes(type: number, value: Uint8Array): this {
    const start = this.#attribute(type, value.length);
    this.#bytes.set(value, start);
    return this;
  }

  /** UTF-8 with the closing NUL that the kernel wants of names. */
  string(type: number, value: string): this {
    const encoded = encoder.encode(value);
    const start = this.#attribute(type, encoded.length + 1);
    this.#bytes.set(encoded, start);
    return this;
  }

  /** An attribute whose presence is its value. */
  flag(type: number): this {
    this.#attribute(type, 0);
    return this;
  }

  /** An attribute that holds what `write` writes; its type gets NLA_F_NESTED. */
  nested(type: number, write: (writer: this) => void): this {
    const start = this.#reserve(NLA_HEADER_BYTES);
    write(this);
    const length = this.#length - start;
    checkLength(type, length);
    this.#view.setUint16(start, length, true);
    this.#view.setUint16(start + 2, type | NLA_F_NESTED, true);
    return this;
  }

  /** What was written, a multiple of 4 bytes. The writer must not be written to afterwards. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /**
   * Writes an attribute's header, makes zeroed room for its value, and returns where the value goes. It may replace the
   * buffer: call it before naming `#view` or `#bytes`.
   */
  #attribute(type: number, valueBytes: number): number {
    const length = NLA_HEADER_BYTES + valueBytes;
    checkLength(type, length);
    const start = this.#reserve(align4(length));
    this.#view.setUint16(start, length, true);
    this.#view.setUint16(start + 2, type, true);
    return start + NLA_HEADER_BYTES;
  }

  #reserve(byteCount: number): number {
    const start = this.#length;
    const end = start + byteCount;
    if (end > this.#bytes.length) {
      const grown = zeroed(Math.max(end, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = viewOf(grown);
    }
    this.#length = end;
    return start;
  }
}

function checkLength(type: number, length: number): void {
  if (length > NLA_MAX_BYTES)
    throw new RangeError(`netlink attribute ${type} would be ${length} bytes; the limit is 65535`);
}
