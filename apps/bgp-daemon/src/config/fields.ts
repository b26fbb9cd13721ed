import { isLinkLocal, parseCommunity, type ParsedCommunity } from '@calico-node/bgp';
import { familyOf, ipToBytes, tryParseCidr, tryParseIp, type Cidr, type IpAddress } from '@calico-node/net';
import type { PeerAddress } from './daemon-config.ts';

/** A configuration that is refused whole. */
export class BgpConfigError extends Error {
  override readonly name = 'BgpConfigError';
  readonly code = 'invalid-config';
  /** The field, as in `neighbors[2].address`. */
  readonly path: string;
  readonly reason: string;

  constructor(path: string, reason: string) {
    super(`${path}: ${reason}`);
    this.path = path;
    this.reason = reason;
  }
}

export const defaultPort = 179;

export function ip(text: string, path: string): IpAddress {
  const address = tryParseIp(text);
  if (address === undefined) throw new BgpConfigError(path, `'${text}' is not an IP address`);
  return address;
}

export function optionalIp(text: string, path: string): IpAddress | undefined {
  return text === '' ? undefined : ip(text, path);
}

/** A peer's address; a link-local one has its interface behind a `%`, or named beside it. */
export function peerAddress(text: string, interfaceName: string, path: string): PeerAddress {
  const at = text.indexOf('%');
  const address = ip(at < 0 ? text : text.slice(0, at), path);
  const zone = at < 0 ? '' : text.slice(at + 1);
  if (zone !== '' && interfaceName !== '' && zone !== interfaceName)
    throw new BgpConfigError(path, `is on ${zone}, but the interface is ${interfaceName}`);
  const name = zone === '' ? interfaceName : zone;
  if (!isLinkLocal(address)) {
    if (at >= 0 || name !== '') throw new BgpConfigError(path, 'has an interface, which is for link-local addresses');
    return { address };
  }
  if (!isInterfaceName(name)) throw new BgpConfigError(path, 'is link-local, and needs its interface (fe80::1%eth0)');
  return { address, interfaceName: name };
}

/** As the kernel takes it (net/core/dev.c, dev_valid_name). */
function isInterfaceName(name: string): boolean {
  return /^[^\s/:]{1,15}$/.test(name) && name !== '.' && name !== '..';
}

export function cidr(text: string, path: string): Cidr {
  const prefix = tryParseCidr(text);
  if (prefix === undefined) throw new BgpConfigError(path, `'${text}' is not a prefix like 10.0.0.0/26`);
  return prefix;
}

export function cidrs(texts: readonly string[], path: string): Cidr[] {
  return texts.map((text, index) => cidr(text, `${path}[${index}]`));
}

export function dottedQuad(text: string, path: string): number {
  const address = tryParseIp(text);
  if (address === undefined || familyOf(address) !== 4)
    throw new BgpConfigError(path, `'${text}' is not a dotted quad`);
  const value = ipToBytes(address).reduce((sum, octet) => sum * 256 + octet, 0);
  if (value === 0) throw new BgpConfigError(path, 'must not be 0.0.0.0');
  return value;
}

export function community(text: string, path: string): ParsedCommunity {
  const parsed = parseCommunity(text);
  if (parsed === undefined) throw new BgpConfigError(path, `'${text}' is neither a:b nor a:b:c`);
  return parsed;
}

export function asn(value: number, path: string): number {
  if (value === 0) throw new BgpConfigError(path, 'must be an AS number from 1 to 4294967295');
  return value;
}

export function port(value: number, path: string): number {
  if (value > 65535) throw new BgpConfigError(path, `${value} is not a port`);
  return value === 0 ? defaultPort : value;
}
