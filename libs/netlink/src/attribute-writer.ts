import { addressBits, familyOf, writeIp, type IpAddress } from '@calico-node/net';

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

/** Zeroed memory that many messages are written into: an array buffer and a view for each would cost more than all the rest. */
interface Slab {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Where the next writer may begin. */
  used: number;
}

const SLAB_BYTES = 64 * 1024;

function newSlab(length: number): Slab {
  const bytes = new Uint8Array(length);
  return { bytes, view: viewOf(bytes), used: 0 };
}

let slab = newSlab(0);

/**
 * Writes the body of one netlink message: its family's fixed header, then type-length-value attributes,
 * each padded to 4 bytes (include/uapi/linux/netlink.h, `struct nlattr`).
 *
 * Plain integers are in host order, which is little-endian on every machine we run on; the `be` ones are in
 * network order. Every method returns the writer. A value too long for its 16-bit length throws a RangeError.
 */
export class AttributeWriter {
  #slab = slab;
  /** The writer's part of the slab, and how much of it is written. */
  #start = 0;
  #limit = 0;
  #length = 0;

  /** @param header the fixed header that the message's family wants before its attributes, if any. */
  constructor(header?: Uint8Array, capacity = 128) {
    this.#claim(Math.max(capacity, header?.length ?? 0));
    if (header !== undefined) this.raw(header);
  }

  /** The bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** Bytes as they are, without an attribute header: a fixed header, or attributes that were encoded before. */
  raw(bytes: Uint8Array): this {
    const at = this.#reserve(align4(bytes.length));
    this.#slab.bytes.set(bytes, at);
    return this;
  }

  /** Four octets as they are, without an attribute header. */
  rawOctets(first: number, second: number, third: number, fourth: number): this {
    const at = this.#reserve(4);
    const { bytes } = this.#slab;
    bytes[at] = first;
    bytes[at + 1] = second;
    bytes[at + 2] = third;
    bytes[at + 3] = fourth;
    return this;
  }

  u8(type: number, value: number): this {
    const start = this.#attribute(type, 1);
    this.#slab.view.setUint8(start, value);
    return this;
  }

  u16(type: number, value: number): this {
    const start = this.#attribute(type, 2);
    this.#slab.view.setUint16(start, value, true);
    return this;
  }

  u32(type: number, value: number): this {
    const start = this.#attribute(type, 4);
    this.#slab.view.setUint32(start, value, true);
    return this;
  }

  s32(type: number, value: number): this {
    const start = this.#attribute(type, 4);
    this.#slab.view.setInt32(start, value, true);
    return this;
  }

  u64(type: number, value: bigint): this {
    const start = this.#attribute(type, 8);
    this.#slab.view.setBigUint64(start, value, true);
    return this;
  }

  be16(type: number, value: number): this {
    const start = this.#attribute(type, 2);
    this.#slab.view.setUint16(start, value);
    return this;
  }

  be32(type: number, value: number): this {
    const start = this.#attribute(type, 4);
    this.#slab.view.setUint32(start, value);
    return this;
  }

  be64(type: number, value: bigint): this {
    const start = this.#attribute(type, 8);
    this.#slab.view.setBigUint64(start, value);
    return this;
  }

  /** An address in network order. */
  ip(type: number, value: IpAddress): this {
    const start = this.#attribute(type, addressBits(familyOf(value)) / 8);
    writeIp(value, this.#slab.bytes, start);
    return this;
  }

  bytes(type: number, value: Uint8Array): this {
    const start = this.#attribute(type, value.length);
    this.#slab.bytes.set(value, start);
    return this;
  }

  /** UTF-8 with the closing NUL that the kernel wants of names. */
  string(type: number, value: string): this {
    const encoded = encoder.encode(value);
    const start = this.#attribute(type, encoded.length + 1);
    this.#slab.bytes.set(encoded, start);
    return this;
  }

  /** An attribute whose presence is its value. */
  flag(type: number): this {
    this.#attribute(type, 0);
    return this;
  }

  /** An attribute that holds what `write` writes; its type gets NLA_F_NESTED. */
  nested(type: number, write: (writer: this) => void): this {
    // Relative to the writer's beginning: what is written inside may move the whole.
    const start = this.#length;
    this.#reserve(NLA_HEADER_BYTES);
    write(this);
    const length = this.#length - start;
    checkLength(type, length);
    const at = this.#start + start;
    this.#slab.view.setUint16(at, length, true);
    this.#slab.view.setUint16(at + 2, type | NLA_F_NESTED, true);
    return this;
  }

  /** What was written, a multiple of 4 bytes. The writer must not be written to afterwards. */
  finish(): Uint8Array {
    const end = this.#start + this.#length;
    // What was claimed last and not written is the next writer's.
    if (this.#slab.used === this.#limit) this.#slab.used = end;
    this.#limit = end;
    return this.#slab.bytes.subarray(this.#start, end);
  }

  /**
   * Writes an attribute's header, makes zeroed room for its value, and returns where in the slab the value goes. It may
   * move what was written to another slab: call it before naming `#slab`.
   */
  #attribute(type: number, valueBytes: number): number {
    const length = NLA_HEADER_BYTES + valueBytes;
    checkLength(type, length);
    const start = this.#reserve(align4(length));
    const { view } = this.#slab;
    view.setUint16(start, length, true);
    view.setUint16(start + 2, type, true);
    return start + NLA_HEADER_BYTES;
  }

  #reserve(byteCount: number): number {
    const needed = this.#length + byteCount;
    if (this.#start + needed > this.#limit) {
      const written = this.#slab.bytes.subarray(this.#start, this.#start + this.#length);
      this.#claim(Math.max(needed, this.#length * 2));
      this.#slab.bytes.set(written, this.#start);
    }
    const at = this.#start + this.#length;
    this.#length = needed;
    return at;
  }

  #claim(byteCount: number): void {
    const length = align4(byteCount);
    if (slab.used + length > slab.bytes.length) slab = newSlab(Math.max(length, SLAB_BYTES));
    this.#slab = slab;
    this.#start = slab.used;
    slab.used += length;
    this.#limit = slab.used;
  }
}

function checkLength(type: number, length: number): void {
  if (length > NLA_MAX_BYTES)
    throw new RangeError(`netlink attribute ${type} would be ${length} bytes; the limit is 65535`);
}
