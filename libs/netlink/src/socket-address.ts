import { familyOf, ipFromBytes, ipToBytes, type Family, type IpAddress } from '@calico-node/net';

export const AF_INET = 2;
export const AF_INET6 = 10;

export interface SocketAddress {
  readonly ip: IpAddress;
  readonly port: number;
  /** The interface of a link-local IPv6 address. */
  readonly scopeId?: number;
}

/** `struct sockaddr_in` or `struct sockaddr_in6`. */
export function encodeSocketAddress({ ip, port, scopeId = 0 }: SocketAddress): Uint8Array {
  const isIpv4 = familyOf(ip) === 4;
  const bytes = new Uint8Array(isIpv4 ? 16 : 28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, isIpv4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, port);
  bytes.set(ipToBytes(ip), isIpv4 ? 4 : 8);
  if (!isIpv4) view.setUint32(24, scopeId, true);
  return bytes;
}

/** Reads what `encodeSocketAddress` writes. Throws a RangeError for any other family. */
export function decodeSocketAddress(bytes: Uint8Array): SocketAddress {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const number = view.getUint16(0, true);
  if (number !== AF_INET && number !== AF_INET6) throw new RangeError(`address family ${number}`);
  const family: Family = number === AF_INET ? 4 : 6;
  const ip = ipFromBytes(family === 4 ? bytes.slice(4, 8) : bytes.slice(8, 24));
  const port = view.getUint16(2);
  const scopeId = family === 4 ? 0 : view.getUint32(24, true);
  return scopeId === 0 ? { ip, port } : { ip, port, scopeId };
}
