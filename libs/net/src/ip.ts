import type { Branded } from './brand.ts';
import { ipv4FromText, ipv4ToText } from './ipv4-text.ts';
import { ipv6FromText, ipv6ToText } from './ipv6-text.ts';
import { NetParseError } from './net-parse-error.ts';

export type Family = 4 | 6;

/** One address in canonical text (RFC 5952 for IPv6), so that equal addresses are equal `Map` keys. */
export type IpAddress = Branded<string, 'IpAddress'>;

/** Bits in an address of the family: 32 or 128. */
export function addressBits(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/** The address, or undefined where the text is none. */
export function tryParseIp(text: string): IpAddress | undefined {
  if (text.includes(':')) {
    const groups = ipv6FromText(text);
    return groups && (ipv6ToText(groups) as IpAddress);
  }
  return ipv4FromText(text) === undefined ? undefined : (text as IpAddress);
}

/**
 * Parses an IPv4 or IPv6 address. An IPv4-mapped IPv6 address stays IPv6; zones and leading zeros in
 * IPv4 are refused. Throws NetParseError.
 */
export function parseIp(text: string): IpAddress {
  const ip = tryParseIp(text);
  if (ip === undefined) throw new NetParseError('invalid-ip', text, `"${text}" is not an IP address`);
  return ip;
}

/** The family of a canonical address or CIDR. */
export function familyOf(ipOrCidr: string): Family {
  return ipOrCidr.includes(':') ? 6 : 4;
}

/** 4 or 16 bytes in network order. */
export function ipToBytes(ip: IpAddress): Uint8Array {
  const bytes = new Uint8Array(addressBits(familyOf(ip)) / 8);
  writeIp(ip, bytes, 0);
  return bytes;
}

/** Writes the 4 or 16 bytes of an address in network order into `target` from `offset` on. */
export function writeIp(ip: IpAddress, target: Uint8Array, offset: number): void {
  if (familyOf(ip) === 4) {
    const address = ipv4FromText(ip) ?? 0;
    target[offset] = address >>> 24;
    target[offset + 1] = address >>> 16;
    target[offset + 2] = address >>> 8;
    target[offset + 3] = address;
    return;
  }
  let at = offset;
  for (const group of ipv6FromText(ip) ?? []) {
    target[at] = group >>> 8;
    target[at + 1] = group;
    at += 2;
  }
}

/** The address of 4 or 16 bytes in network order. Throws NetParseError for any other length. */
export function ipFromBytes(bytes: Uint8Array): IpAddress {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length === 4) return ipv4ToText(view.getUint32(0)) as IpAddress;
  if (bytes.length !== 16) {
    throw new NetParseError('invalid-ip', bytes.toString(), `an IP address has 4 or 16 bytes, not ${bytes.length}`);
  }
  return ipv6ToText(Array.from({ length: 8 }, (_, index) => view.getUint16(index * 2))) as IpAddress;
}

/** The address as an unsigned number of 32 or 128 bits. */
export function ipToBigInt(ip: IpAddress): bigint {
  if (familyOf(ip) === 4) return BigInt(ipv4FromText(ip) ?? 0);
  return (ipv6FromText(ip) ?? []).reduce((value, group) => (value << 16n) | BigInt(group), 0n);
}

/** The address of an unsigned number. Throws NetParseError where it does not fit the family. */
export function ipFromBigInt(value: bigint, family: Family): IpAddress {
  if (value < 0n || value >> BigInt(addressBits(family)) !== 0n) {
    throw new NetParseError(
      'invalid-ip',
      value.toString(),
      `${value.toString()} is outside the IPv${family} addresses`,
    );
  }
  if (family === 4) return ipv4ToText(Number(value)) as IpAddress;
  const groups = Array.from({ length: 8 }, (_, index) => Number((value >> BigInt(112 - index * 16)) & 0xffffn));
  return ipv6ToText(groups) as IpAddress;
}

/** The address `n` after `ip` (before it where negative). Throws NetParseError past either end of the family. */
export function addToIp(ip: IpAddress, n: number | bigint): IpAddress {
  return ipFromBigInt(ipToBigInt(ip) + BigInt(n), familyOf(ip));
}

/** Orders IPv4 before IPv6, then by number: negative, zero or positive as `Array.sort` wants it. */
export function compareIp(a: IpAddress, b: IpAddress): number {
  if (a === b) return 0;
  const familyA = familyOf(a);
  if (familyA !== familyOf(b)) return familyA === 4 ? -1 : 1;
  if (familyA === 4) return (ipv4FromText(a) ?? 0) - (ipv4FromText(b) ?? 0);
  return ipToBigInt(a) < ipToBigInt(b) ? -1 : 1;
}
