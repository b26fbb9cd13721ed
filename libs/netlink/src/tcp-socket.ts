import { hostCidr, splitCidr, tryParseIp, type Cidr, type Family, type IpAddress } from '@calico-node/net';
import { checkResult } from './errno.ts';
import { loadNative } from './native/load.ts';
import type { NativeTable } from './native/table.ts';
import { inNetns, type NetnsRef } from './netns.ts';
import { AF_INET, AF_INET6, decodeSocketAddress, encodeSocketAddress, type SocketAddress } from './socket-address.ts';

const SOCK_STREAM = 1;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
const SO_BINDTODEVICE = 25;
const IPPROTO_IP = 0;
const IPPROTO_TCP = 6;
export const IPPROTO_IPV6 = 41;
const TCP_MD5SIG = 14;
const TCP_MD5SIG_EXT = 32;
const MD5_PREFIX_FLAG = 1;
const MD5_KEY_MAX_BYTES = 80;
/** `struct tcp_md5sig`: address 128, flags 1, prefix length 1, key length 2, interface 4, key 80. */
const MD5_BYTES = 216;

/** Where each family keeps its limits on the hop count and its traffic class. */
export const hopOptions = {
  4: { level: IPPROTO_IP, hops: 2, minimum: 21, trafficClass: 1 },
  6: { level: IPPROTO_IPV6, hops: 16, minimum: 73, trafficClass: 67 },
} as const;
export const IPV6_V6ONLY = 26;

/** The TCP MD5 signature (RFC 2385) for connections with one host, or with any of a network. */
export interface TcpMd5Key {
  readonly peer: IpAddress | Cidr;
  /** 1 to 80 bytes of UTF-8. */
  readonly key: string;
}

export interface TcpSocketOptions {
  readonly family: Family;
  /** Where the socket lives, for good; the caller's own namespace when absent. */
  readonly netns?: NetnsRef;
  /** Port 0 is one of the kernel's choosing. */
  readonly bind?: SocketAddress;
  /** Listens with this many connections waiting. */
  readonly listenBacklog?: number;
  readonly md5?: readonly TcpMd5Key[];
  /** Packets with a smaller TTL or hop limit are dropped: GTSM (RFC 5082) wants 256 minus the distance. */
  readonly minTtl?: number;
  /** TTL or hop limit of our packets; GTSM wants 255. */
  readonly ttl?: number;
  /** IPv4 type of service or IPv6 traffic class; routing protocols use 0xc0. */
  readonly trafficClass?: number;
  /** The interface that all packets go through, by name; or a VRF. */
  readonly device?: string;
  readonly native?: NativeTable;
}

export function int32(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer);
}

/**
 * A TCP socket with every option set before its first packet. Returns its file descriptor, non-blocking, which
 * belongs to the caller:
 * - to connect, `new net.Socket({ fd, readable: true, writable: true, manualStart: true }).connect(...)`
 *   (without `manualStart` Node.js reads before it is connected);
 * - to listen, `net.createServer().listen({ fd })` on a socket with `bind` and `listenBacklog`.
 *
 * An IPv6 socket does not take IPv4. Throws SyscallError, and leaves nothing open then.
 */
export function openTcpSocket(options: TcpSocketOptions): number {
  const native = options.native ?? loadNative();
  const domain = options.family === 4 ? AF_INET : AF_INET6;
  const create = (): number => native.socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const result = options.netns === undefined ? create() : inNetns(options.netns, create, native);
  const fd = checkResult(result, 'socket', 'TCP');
  try {
    setOptions(fd, options, native);
    if (options.bind !== undefined) {
      const subject = `${options.bind.ip} port ${options.bind.port}`;
      checkResult(native.bind(fd, encodeSocketAddress(options.bind)), 'bind', subject);
    }
    if (options.listenBacklog !== undefined) checkResult(native.listen(fd, options.listenBacklog), 'listen');
    return fd;
  } catch (error) {
    native.close(fd);
    throw error;
  }
}

function setOptions(fd: number, options: TcpSocketOptions, native: NativeTable): void {
  const set = (level: number, name: number, value: Uint8Array, subject: string): void => {
    checkResult(native.setsockopt(fd, level, name, value), 'setsockopt', subject);
  };
  const { level, hops, minimum, trafficClass } = hopOptions[options.family];
  set(SOL_SOCKET, SO_REUSEADDR, int32(1), 'SO_REUSEADDR');
  if (options.family === 6) set(IPPROTO_IPV6, IPV6_V6ONLY, int32(1), 'IPV6_V6ONLY');
  if (options.device !== undefined)
    set(SOL_SOCKET, SO_BINDTODEVICE, Buffer.from(`${options.device}\0`), options.device);
  if (options.ttl !== undefined) set(level, hops, int32(options.ttl), 'TTL');
  if (options.minTtl !== undefined) set(level, minimum, int32(options.minTtl), 'minimum TTL');
  if (options.trafficClass !== undefined) set(level, trafficClass, int32(options.trafficClass), 'traffic class');
  for (const { peer, key } of options.md5 ?? []) setTcpMd5Key(fd, peer, key, native);
}

/**
 * Gives an open TCP socket, listening ones too, the MD5 key for a peer; `undefined` takes it away.
 * Throws SyscallError: ENOENT when there is none to take away, EINVAL when the peer is of another family.
 */
export function setTcpMd5Key(
  fd: number,
  peer: IpAddress | Cidr,
  key: string | undefined,
  native: NativeTable = loadNative(),
): void {
  const { ip, prefixLength, family } = splitCidr(toCidr(peer));
  const isHost = prefixLength === (family === 4 ? 32 : 128);
  const keyBytes = Buffer.from(key ?? '');
  if (key !== undefined && (keyBytes.length === 0 || keyBytes.length > MD5_KEY_MAX_BYTES)) {
    throw new RangeError(`a TCP MD5 key has 1 to ${MD5_KEY_MAX_BYTES} bytes, not ${keyBytes.length}`);
  }
  const bytes = new Uint8Array(MD5_BYTES);
  bytes.set(encodeSocketAddress({ ip, port: 0 }));
  if (!isHost) {
    bytes[128] = MD5_PREFIX_FLAG;
    bytes[129] = prefixLength;
  }
  new DataView(bytes.buffer).setUint16(130, keyBytes.length, true);
  bytes.set(keyBytes, 136);
  const name = isHost ? TCP_MD5SIG : TCP_MD5SIG_EXT;
  checkResult(native.setsockopt(fd, IPPROTO_TCP, name, bytes), 'setsockopt', `MD5 key for ${peer}`);
}

function toCidr(peer: IpAddress | Cidr): Cidr {
  const ip = tryParseIp(peer);
  return ip === undefined ? (peer as Cidr) : hostCidr(ip);
}

/** The address that a socket is bound to. */
export function socketAddressOf(fd: number, native: NativeTable = loadNative()): SocketAddress {
  const bytes = new Uint8Array(128);
  const length = checkResult(native.getsockname(fd, bytes), 'getsockname');
  return decodeSocketAddress(bytes.subarray(0, length));
}
