import { align4, viewOf } from './attribute-writer.ts';
import { NetlinkError } from './netlink-error.ts';

const NLA_TYPE_MASK = 0x3fff;
const NLA_HEADER_BYTES = 4;

const decoder = new TextDecoder();

/** One attribute as it stands in its message: `type` without its flags. */
export interface Attribute {
  readonly type: number;
  readonly value: Uint8Array;
}

/**
 * The attributes of a message or of a nested attribute, read by type. A missing one reads as `undefined`;
 * one that is too short for the asked type throws a NetlinkError with code EBADMSG. Where a type occurs
 * several times the last one is read, as the kernel does; `entries` and `list` give all of them.
 *
 * It looks into the bytes that it was made of, without a copy: byte values live as long as those bytes.
 */
export class Attributes {
  readonly #view: DataView;
  readonly #types: number[] = [];
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];

  constructor(view: DataView, start: number, end: number) {
    this.#view = view;
    let at = start;
    while (at + NLA_HEADER_BYTES <= end) {
      const length = view.getUint16(at, true);
      if (length < NLA_HEADER_BYTES || at + length > end) {
        throw new NetlinkError({
          code: 'EBADMSG',
          detail: `attribute of ${length} bytes at ${at - start} of ${end - start}`,
        });
      }
      this.#types.push(view.getUint16(at + 2, true) & NLA_TYPE_MASK);
      this.#starts.push(at + NLA_HEADER_BYTES);
      this.#ends.push(at + length);
      at += align4(length);
    }
  }

  has(type: number): boolean {
    return this.#types.includes(type);
  }

  u8(type: number): number | undefined {
    const at = this.#at(type, 1);
    return at === undefined ? undefined : this.#view.getUint8(at);
  }

  u16(type: number): number | undefined {
    const at = this.#at(type, 2);
    return at === undefined ? undefined : this.#view.getUint16(at, true);
  }

  u32(type: number): number | undefined {
    const at = this.#at(type, 4);
    return at === undefined ? undefined : this.#view.getUint32(at, true);
  }

  s32(type: number): number | undefined {
    const at = this.#at(type, 4);
    return at === undefined ? undefined : this.#view.getInt32(at, true);
  }

  u64(type: number): bigint | undefined {
    const at = this.#at(type, 8);
    return at === undefined ? undefined : this.#view.getBigUint64(at, true);
  }

  be16(type: number): number | undefined {
    const at = this.#at(type, 2);
    return at === undefined ? undefined : this.#view.getUint16(at);
  }

  be32(type: number): number | undefined {
    const at = this.#at(type, 4);
    return at === undefined ? undefined : this.#view.getUint32(at);
  }

  be64(type: number): bigint | undefined {
    const at = this.#at(type, 8);
    return at === undefined ? undefined : this.#view.getBigUint64(at);
  }

  bytes(type: number): Uint8Array | undefined {
    const index = this.#types.lastIndexOf(type);
    return index < 0 ? undefined : this.#valueAt(index);
  }

  /** Text up to its NUL, or all of it. */
  string(type: number): string | undefined {
    const value = this.bytes(type);
    if (value === undefined) return undefined;
    const nul = value.indexOf(0);
    return decoder.decode(nul < 0 ? value : value.subarray(0, nul));
  }

  /** The attributes inside an attribute, whether or not the kernel set NLA_F_NESTED on it. */
  nested(type: number): Attributes | undefined {
    const index = this.#types.lastIndexOf(type);
    return index < 0 ? undefined : this.#nestedAt(index);
  }

  /** The attributes inside each member of a nested list, in order. */
  list(type: number): readonly Attributes[] {
    return this.nested(type)?.members() ?? [];
  }

  /** The attributes inside each attribute here, whatever its type. */
  members(): readonly Attributes[] {
    return this.#types.map((_, index) => this.#nestedAt(index));
  }

  /** Every attribute in its order. */
  entries(): readonly Attribute[] {
    return this.#types.map((type, index) => ({ type, value: this.#valueAt(index) }));
  }

  #at(type: number, byteCount: number): number | undefined {
    const index = this.#types.lastIndexOf(type);
    const start = this.#starts[index];
    const end = this.#ends[index];
    if (start === undefined || end === undefined) return undefined;
    if (end - start < byteCount) {
      throw new NetlinkError({
        code: 'EBADMSG',
        detail: `attribute ${type} has ${end - start} bytes, needs ${byteCount}`,
      });
    }
    return start;
  }

  #valueAt(index: number): Uint8Array {
    const start = this.#starts[index] ?? 0;
    const end = this.#ends[index] ?? start;
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + start, end - start);
  }

  #nestedAt(index: number): Attributes {
    return new Attributes(this.#view, this.#starts[index] ?? 0, this.#ends[index] ?? 0);
  }
}

/** Reads the attributes of `bytes` from `offset` (behind the family's fixed header) to the end. */
export function readAttributes(bytes: Uint8Array, offset = 0): Attributes {
  return new Attributes(viewOf(bytes), offset, bytes.byteLength);
}
