/** Header compression for HTTP/2 (RFC 7541). Whole as a reader; as a writer it compresses nothing. */
import { decodeHuffman } from './huffman.ts';

/** Names in lower case, the last one of each name. */
export type Headers = ReadonlyMap<string, string>;

type Field = readonly [name: string, value: string];

/** RFC 7541 appendix A; index 1 is the first. */
// prettier-ignore
const staticTable: readonly Field[] = [
  [':authority', ''], [':method', 'GET'], [':method', 'POST'], [':path', '/'], [':path', '/index.html'],
  [':scheme', 'http'], [':scheme', 'https'], [':status', '200'], [':status', '204'], [':status', '206'],
  [':status', '304'], [':status', '400'], [':status', '404'], [':status', '500'], ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'], ['accept-language', ''], ['accept-ranges', ''], ['accept', ''],
  ['access-control-allow-origin', ''], ['age', ''], ['allow', ''], ['authorization', ''], ['cache-control', ''],
  ['content-disposition', ''], ['content-encoding', ''], ['content-language', ''], ['content-length', ''],
  ['content-location', ''], ['content-range', ''], ['content-type', ''], ['cookie', ''], ['date', ''], ['etag', ''],
  ['expect', ''], ['expires', ''], ['from', ''], ['host', ''], ['if-match', ''], ['if-modified-since', ''],
  ['if-none-match', ''], ['if-range', ''], ['if-unmodified-since', ''], ['last-modified', ''], ['link', ''],
  ['location', ''], ['max-forwards', ''], ['proxy-authenticate', ''], ['proxy-authorization', ''], ['range', ''],
  ['referer', ''], ['refresh', ''], ['retry-after', ''], ['server', ''], ['set-cookie', ''],
  ['strict-transport-security', ''], ['transfer-encoding', ''], ['user-agent', ''], ['vary', ''], ['via', ''],
  ['www-authenticate', ''],
];

/** The size of the table that a writer may count on unless told otherwise (RFC 9113 section 6.5.2). */
const maxTableSize = 4096;
/** What an entry counts beside its octets (RFC 7541 section 4.1). */
const entryOverhead = 32;

/** Reads header blocks of one connection, in their order. */
export class HpackDecoder {
  /** The newest first. */
  readonly #table: Field[] = [];
  #size = 0;
  #limit = maxTableSize;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  /** @throws Error when it is malformed; the connection is of no use then. */
  decode(block: Buffer): Headers {
    this.#bytes = block;
    this.#at = 0;
    const headers = new Map<string, string>();
    while (this.#at < block.length) {
      const field = this.#readField();
      if (field !== undefined) headers.set(field[0], field[1]);
    }
    return headers;
  }

  /** A field; nothing for a new size of the table (RFC 7541 section 6). */
  #readField(): Field | undefined {
    const first = this.#bytes[this.#at] ?? 0;
    if ((first & 0x80) !== 0) return this.#indexed(this.#readInteger(7));
    if ((first & 0x40) !== 0) {
      const field = this.#readLiteral(6);
      this.#add(field);
      return field;
    }
    if ((first & 0x20) === 0) return this.#readLiteral(4);
    const limit = this.#readInteger(5);
    if (limit > maxTableSize) throw new Error('HPACK: a larger table than was allowed');
    this.#limit = limit;
    this.#evict();
    return undefined;
  }

  #readLiteral(prefixBits: number): Field {
    const index = this.#readInteger(prefixBits);
    const name = index === 0 ? this.#readString() : this.#indexed(index)[0];
    return [name, this.#readString()];
  }

  #indexed(index: number): Field {
    const field = staticTable[index - 1] ?? this.#table[index - 1 - staticTable.length];
    if (field === undefined) throw new Error(`HPACK: no entry ${index}`);
    return field;
  }

  #add(field: Field): void {
    this.#table.unshift(field);
    this.#size += sizeOf(field);
    this.#evict();
  }

  #evict(): void {
    while (this.#size > this.#limit) {
      const oldest = this.#table.pop();
      if (oldest === undefined) return;
      this.#size -= sizeOf(oldest);
    }
  }

  /** RFC 7541 section 5.1. */
  #readInteger(prefixBits: number): number {
    const max = (1 << prefixBits) - 1;
    let value = this.#readByte() & max;
    if (value < max) return value;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#readByte();
      if (shift > 21) throw new Error('HPACK: too large an integer');
      value += (byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) return value;
    }
  }

  #readString(): string {
    const isHuffman = ((this.#bytes[this.#at] ?? 0) & 0x80) !== 0;
    const end = this.#readInteger(7) + this.#at;
    if (end > this.#bytes.length) throw new Error('HPACK: a string without an end');
    const start = this.#at;
    this.#at = end;
    return isHuffman ? decodeHuffman(this.#bytes.subarray(start, end)) : this.#bytes.toString('latin1', start, end);
  }

  #readByte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new Error('HPACK: the block is cut off');
    return byte;
  }
}

function sizeOf([name, value]: Field): number {
  return name.length + value.length + entryOverhead;
}

/** A block of literal fields that touch no table: it may be made once and sent on any connection, in parts too. */
export function encodeHeaders(fields: Iterable<Field>): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of fields) {
    parts.push(Buffer.of(0), encodeString(name), encodeString(value));
  }
  return Buffer.concat(parts);
}

function encodeString(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.concat([encodeLength(bytes.length), bytes]);
}

/** RFC 7541 section 5.1, with a prefix of 7 bits. */
function encodeLength(length: number): Buffer {
  if (length < 0x7f) return Buffer.of(length);
  const bytes = [0x7f];
  let rest = length - 0x7f;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}
