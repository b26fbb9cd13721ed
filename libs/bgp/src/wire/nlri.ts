import { cidrOf, ipFromBytes, ipToBytes, splitCidr, type Cidr, type Family } from '@calico-node/net';
import { u32, u8, type ByteWriter } from './bytes.ts';

/**
 * A run of encoded prefixes inside a received message (RFC 4271 4.3, RFC 4760 5, with RFC 7911's path
 * identifiers if `addPath`). Its syntax has been checked; it is valid only as long as `bytes` is.
 */
export interface NlriBlock {
  readonly family: Family;
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly addPath: boolean;
}

export interface Nlri {
  readonly prefix: Cidr;
  /** RFC 7911 3; absent without ADD-PATH. */
  readonly pathId?: number;
}

/** Visits a prefix: its address starts at `at` and has `(bits + 7) >> 3` octets; host bits may be set. */
export type NlriVisitor = (bytes: Uint8Array, at: number, bits: number, pathId: number) => void;

/** Whether the octets are a sequence of well-formed prefixes (RFC 4271 6.3, RFC 7606 5.3). */
export function isNlriWellFormed(
  bytes: Uint8Array,
  start: number,
  end: number,
  family: Family,
  addPath: boolean,
): boolean {
  const most = family === 4 ? 32 : 128;
  let at = start;
  while (at < end) {
    if (addPath) {
      if (end - at < 5) return false;
      at += 4;
    }
    const bits = u8(bytes, at);
    if (bits > most) return false;
    at += 1 + ((bits + 7) >> 3);
  }
  return at === end;
}

/** Visits every prefix of a block, in order, without making an object for any. */
export function forEachNlri({ bytes, start, end, addPath }: NlriBlock, visit: NlriVisitor): void {
  let at = start;
  while (at < end) {
    let pathId = 0;
    if (addPath) {
      pathId = u32(bytes, at);
      at += 4;
    }
    const bits = u8(bytes, at);
    visit(bytes, at + 1, bits, pathId);
    at += 1 + ((bits + 7) >> 3);
  }
}

/** The prefix at a place that {@link forEachNlri} visits; host bits are masked off (RFC 4271 4.3). */
export function readPrefix(family: Family, bytes: Uint8Array, at: number, bits: number): Cidr {
  if (family === 4) {
    const mask = bits === 0 ? 0 : -1 << (32 - bits);
    const word = u32(bytes, at) & mask;
    // The canonical form: host bits are zero.
    return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}/${bits}` as Cidr;
  }
  const address = new Uint8Array(16);
  address.set(bytes.subarray(at, at + ((bits + 7) >> 3)));
  return cidrOf(ipFromBytes(address), bits);
}

/** A block as objects. */
export function nlriToArray(block: NlriBlock): Nlri[] {
  const result: Nlri[] = [];
  forEachNlri(block, (bytes, at, bits, pathId) => {
    const prefix = readPrefix(block.family, bytes, at, bits);
    result.push(block.addPath ? { prefix, pathId } : { prefix });
  });
  return result;
}

/** Appends one encoded prefix; a path identifier is written if given. */
export function writeNlri(writer: ByteWriter, prefix: Cidr, pathId?: number): void {
  const { ip, prefixLength } = splitCidr(prefix);
  if (pathId !== undefined) writer.u32(pathId);
  writer.u8(prefixLength).bytes(ipToBytes(ip).subarray(0, (prefixLength + 7) >> 3));
}
