/** What the maps of `filter-program.ts` are keyed by. */
import { ipToBytes, splitCidr, type Cidr } from '@calico-node/net';
import type { Failsafes } from '@calico-node/policy';

/** An IPv4 network as one number, address before length: strings would take a dozen times the memory. */
export type SourceKey = number;

/** `struct bpf_lpm_trie_key`: the length, little-endian, and the address in network order. */
export const SOURCE_KEY_BYTES = 8;
/** Protocol, side, and the port in network order. */
export const FAILSAFE_KEY_BYTES = 4;
export const failsafeSide = { destination: 0, source: 1 } as const;

const LENGTHS = 64;

/** `undefined` for an IPv6 network. */
export function sourceKeyOf(cidr: Cidr): SourceKey | undefined {
  const { ip, prefixLength, family } = splitCidr(cidr);
  if (family === 6) return undefined;
  return ipToBytes(ip).reduce((sum, octet) => sum * 256 + octet, 0) * LENGTHS + prefixLength;
}

export function sourceKeysOf(cidrs: Iterable<Cidr>): SourceKey[] {
  const keys: SourceKey[] = [];
  for (const cidr of cidrs) {
    const key = sourceKeyOf(cidr);
    if (key !== undefined) keys.push(key);
  }
  return keys;
}

/** As the kernel has them, behind each other. */
export function encodeSourceKeys(keys: readonly SourceKey[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(keys.length * SOURCE_KEY_BYTES));
  keys.forEach((key, index) => {
    view.setUint32(index * SOURCE_KEY_BYTES, key % LENGTHS, true);
    view.setUint32(index * SOURCE_KEY_BYTES + 4, Math.floor(key / LENGTHS));
  });
  return new Uint8Array(view.buffer);
}

export function decodeSourceKeys(bytes: Uint8Array): SourceKey[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / SOURCE_KEY_BYTES }, (_, index) => {
    const start = index * SOURCE_KEY_BYTES;
    return view.getUint32(start + 4) * LENGTHS + view.getUint32(start, true);
  });
}

/**
 * The ports that are let through whoever the other end is, behind each other: those of inbound failsafes as
 * destinations, and those of outbound ones as the sources of answers, as in the raw table.
 */
export function failsafeKeys({ inbound, outbound }: Failsafes): Uint8Array {
  const ports = [
    ...inbound.map(({ protocol, port }) => [protocol, failsafeSide.destination, port] as const),
    ...outbound.map(({ protocol, port }) => [protocol, failsafeSide.source, port] as const),
  ];
  return Uint8Array.from(ports.flatMap(([protocol, side, port]) => [protocol, side, port >> 8, port & 0xff]));
}
