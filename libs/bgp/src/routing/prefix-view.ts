import { cidrContains, familyOf, ipToBytes, splitCidr, type Cidr, type Family, type IpAddress } from '@calico-node/net';

/** What policy asks of a prefix. A routing table answers from its own form of it, without making a text. */
export interface PrefixView {
  readonly family: Family;
  readonly length: number;
  /** Whether the prefix is the network or lies inside it. */
  isIn(network: Cidr): boolean;
  /** Its first bits, at most `length`: equal exactly where those bits are, within a family and a number of bits. */
  key(bits: number): PrefixKey;
}

/** A number for IPv4, text for IPv6. */
export type PrefixKey = number | string;

/** @param words an address's, of 32 bits each */
export function prefixKey(words: ArrayLike<number>, bits: number): PrefixKey {
  const word = (at: number): number => {
    const left = bits - 32 * at;
    return left <= 0 ? 0 : (words[at] ?? 0) & (left >= 32 ? -1 : -1 << (32 - left));
  };
  return words.length === 1 ? word(0) : `${word(0)} ${word(1)} ${word(2)} ${word(3)}`;
}

function wordsOf(ip: IpAddress): Int32Array {
  const bytes = ipToBytes(ip);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Int32Array.from({ length: bytes.length / 4 }, (_, at) => view.getInt32(at * 4));
}

/** A prefix in its textual form, as policy sees it. */
export function prefixViewOf(prefix: Cidr): PrefixView {
  const { ip, prefixLength: length } = splitCidr(prefix);
  const words = wordsOf(ip);
  return {
    family: familyOf(prefix),
    length,
    isIn: (network) => cidrContains(network, prefix),
    key: (bits) => prefixKey(words, bits),
  };
}
