import type { Branded } from './brand.ts';
import {
  addressBits,
  compareIp,
  familyOf,
  ipFromBytes,
  ipToBigInt,
  ipToBytes,
  ipFromBigInt,
  parseIp,
  tryParseIp,
  type Family,
  type IpAddress,
} from './ip.ts';
import { NetParseError } from './net-parse-error.ts';
import { commonBits, maskBits } from './prefix-bits.ts';

/** A network, `<canonical address>/<prefix length>` with host bits zero: equal networks are equal `Map` keys. */
export type Cidr = Branded<string, 'Cidr'>;

const PREFIX_LENGTH = /^(?:0|[1-9][0-9]{0,2})$/;

function splitText(text: string): { ip: IpAddress; prefixLength: number } {
  const slash = text.indexOf('/');
  if (slash < 0) {
    throw new NetParseError('missing-prefix-length', text, `"${text}" is not a CIDR: it has no prefix length`);
  }
  const ip = tryParseIp(text.slice(0, slash));
  if (ip === undefined)
    throw new NetParseError('invalid-cidr', text, `"${text}" is not a CIDR: its address is malformed`);
  const length = text.slice(slash + 1);
  const prefixLength = PREFIX_LENGTH.test(length) ? Number(length) : Infinity;
  const bits = addressBits(familyOf(ip));
  if (prefixLength > bits) {
    throw new NetParseError(
      'invalid-prefix-length',
      text,
      `"${text}" is not a CIDR: the prefix length must be 0 to ${bits}`,
    );
  }
  return { ip, prefixLength };
}

/** The network of `prefixLength` that `ip` lies in. Throws NetParseError where the family has no such length. */
export function cidrOf(ip: IpAddress, prefixLength: number): Cidr {
  const bits = addressBits(familyOf(ip));
  if (!Number.isInteger(prefixLength) || prefixLength < 0 || prefixLength > bits) {
    const text = `${ip}/${prefixLength}`;
    throw new NetParseError('invalid-prefix-length', text, `the prefix length of "${text}" must be 0 to ${bits}`);
  }
  if (prefixLength === bits) return `${ip}/${prefixLength}` as Cidr;
  return `${ipFromBytes(maskBits(ipToBytes(ip), prefixLength))}/${prefixLength}` as Cidr;
}

/** The /32 or /128 of one address. */
export function hostCidr(ip: IpAddress): Cidr {
  return cidrOf(ip, addressBits(familyOf(ip)));
}

/** Parses a network strictly: a prefix length is there and the host bits are zero. Throws NetParseError. */
export function parseCidr(text: string): Cidr {
  const { ip, prefixLength } = splitText(text);
  const cidr = cidrOf(ip, prefixLength);
  if (cidr !== `${ip}/${prefixLength}`) {
    throw new NetParseError(
      'host-bits-set',
      text,
      `"${text}" has bits set past its prefix length; did you mean "${cidr}"?`,
    );
  }
  return cidr;
}

/** As parseCidr, but masks host bits and takes a bare address as its /32 or /128. Throws NetParseError. */
export function parseCidrLoose(text: string): Cidr {
  if (!text.includes('/')) return hostCidr(parseIp(text));
  const { ip, prefixLength } = splitText(text);
  return cidrOf(ip, prefixLength);
}

/** parseCidr, with undefined for text that it refuses. */
export function tryParseCidr(text: string): Cidr | undefined {
  return attempt(parseCidr, text);
}

/** parseCidrLoose, with undefined for text that it refuses. */
export function tryParseCidrLoose(text: string): Cidr | undefined {
  return attempt(parseCidrLoose, text);
}

function attempt(parse: (text: string) => Cidr, text: string): Cidr | undefined {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof NetParseError) return undefined;
    throw error;
  }
}

export interface InterfaceAddress {
  readonly ip: IpAddress;
  readonly cidr: Cidr;
  readonly prefixLength: number;
}

/** Parses an address with the length of its subnet, as on an interface: "10.0.0.5/24". Throws NetParseError. */
export function parseInterfaceAddress(text: string): InterfaceAddress {
  const { ip, prefixLength } = splitText(text);
  return { ip, cidr: cidrOf(ip, prefixLength), prefixLength };
}

export interface CidrParts {
  readonly ip: IpAddress;
  readonly prefixLength: number;
  readonly family: Family;
}

/** The first address, length and family of a network. */
export function splitCidr(cidr: Cidr): CidrParts {
  const slash = cidr.indexOf('/');
  return {
    ip: cidr.slice(0, slash) as IpAddress,
    prefixLength: Number(cidr.slice(slash + 1)),
    family: familyOf(cidr),
  };
}

/** The network of an address or network: what the functions below accept in place of a Cidr. */
export function asCidr(ipOrCidr: IpAddress | Cidr): Cidr {
  return ipOrCidr.includes('/') ? (ipOrCidr as Cidr) : hostCidr(ipOrCidr as IpAddress);
}

/** Whether every address of `ipOrCidr` lies in `cidr`; never across families. */
export function cidrContains(cidr: Cidr, ipOrCidr: IpAddress | Cidr): boolean {
  const outer = splitCidr(cidr);
  const inner = splitCidr(asCidr(ipOrCidr));
  if (outer.family !== inner.family || outer.prefixLength > inner.prefixLength) return false;
  const { prefixLength } = outer;
  return commonBits(ipToBytes(outer.ip), ipToBytes(inner.ip), prefixLength) === prefixLength;
}

/** Whether two networks share an address. */
export function cidrsOverlap(a: Cidr, b: Cidr): boolean {
  return cidrContains(a, b) || cidrContains(b, a);
}

/** Orders by first address (IPv4 before IPv6), then the wider network first. */
export function compareCidr(a: Cidr, b: Cidr): number {
  const left = splitCidr(a);
  const right = splitCidr(b);
  return compareIp(left.ip, right.ip) || left.prefixLength - right.prefixLength;
}

/** How many addresses the network has. */
export function cidrSize(cidr: Cidr): bigint {
  const { prefixLength, family } = splitCidr(cidr);
  return 1n << BigInt(addressBits(family) - prefixLength);
}

/** The network's last address. */
export function lastIp(cidr: Cidr): IpAddress {
  const { ip, family } = splitCidr(cidr);
  return ipFromBigInt(ipToBigInt(ip) + cidrSize(cidr) - 1n, family);
}
