import type { Family } from '@calico-node/net';
import { checkResult } from './errno.ts';
import { loadNative } from './native/load.ts';
import type { NativeTable } from './native/table.ts';
import { inNetns, type NetnsRef } from './netns.ts';
import { encodeFilter, filterCode, filterResult } from './packet-filter.ts';
import { AF_INET, AF_INET6, encodeSocketAddress, type SocketAddress } from './socket-address.ts';
import {
  hopOptions,
  int32,
  IPPROTO_IPV6,
  IPV6_V6ONLY,
  SO_REUSEADDR,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOL_SOCKET,
} from './tcp-socket.ts';

const SOCK_DGRAM = 2;

/** linux/filter.h: where offsets count from the network header. */
const SKF_NET_OFF = -0x100000;
/** Of the TTL in the IPv4 header, of the hop limit in the IPv6 header. */
const hopsOffset: Readonly<Record<Family, number>> = { 4: 8, 6: 7 };

export interface UdpSocketOptions {
  readonly family: Family;
  /** Where the socket lives, for good; the caller's own namespace when absent. */
  readonly netns?: NetnsRef;
  readonly bind: SocketAddress;
  /** Other sockets may be bound to the same address and port, if all of them allow it. */
  readonly reuseAddress?: boolean;
  /** Packets with a smaller TTL or hop limit are dropped (GTSM, RFC 5082). */
  readonly minTtl?: number;
  /** TTL or hop limit of our packets. */
  readonly ttl?: number;
  /** IPv4 type of service or IPv6 traffic class; routing protocols use 0xc0. */
  readonly trafficClass?: number;
  readonly native?: NativeTable;
}

/**
 * A UDP socket with every option set before its first packet. Returns its file descriptor, non-blocking, which
 * belongs to the caller: `dgram.createSocket(...).bind({ fd })` takes it over, at once.
 *
 * An IPv6 socket does not take IPv4. Throws SyscallError, and leaves nothing open then.
 */
export function openUdpSocket(options: UdpSocketOptions): number {
  const native = options.native ?? loadNative();
  const domain = options.family === 4 ? AF_INET : AF_INET6;
  const create = (): number => native.socket(domain, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const result = options.netns === undefined ? create() : inNetns(options.netns, create, native);
  const fd = checkResult(result, 'socket', 'UDP');
  try {
    setOptions(fd, options, native);
    const subject = `${options.bind.ip} port ${options.bind.port}`;
    checkResult(native.bind(fd, encodeSocketAddress(options.bind)), 'bind', subject);
    return fd;
  } catch (error) {
    native.close(fd);
    throw error;
  }
}

function setOptions(fd: number, options: UdpSocketOptions, native: NativeTable): void {
  const set = (level: number, name: number, value: number, subject: string): void => {
    checkResult(native.setsockopt(fd, level, name, int32(value)), 'setsockopt', subject);
  };
  const { level, hops, trafficClass } = hopOptions[options.family];
  if (options.family === 6) set(IPPROTO_IPV6, IPV6_V6ONLY, 1, 'IPV6_V6ONLY');
  if (options.reuseAddress === true) set(SOL_SOCKET, SO_REUSEADDR, 1, 'SO_REUSEADDR');
  if (options.ttl !== undefined) set(level, hops, options.ttl, 'TTL');
  if (options.trafficClass !== undefined) set(level, trafficClass, options.trafficClass, 'traffic class');
  if (options.minTtl !== undefined) {
    // The kernel minds IP_MINTTL and IPV6_MINHOPCOUNT for TCP only.
    const program = hopsFilter(options.family, options.minTtl);
    checkResult(native.attachFilter(fd, program), 'setsockopt', 'SO_ATTACH_FILTER');
  }
}

/** A classic packet filter that takes what has travelled no further than it may. */
function hopsFilter(family: Family, minTtl: number): Uint8Array {
  return encodeFilter([
    { code: filterCode.loadByte, k: SKF_NET_OFF + hopsOffset[family] },
    { code: filterCode.jumpIfAtLeast, ifFalse: 1, k: minTtl },
    { code: filterCode.result, k: filterResult.pass },
    { code: filterCode.result, k: filterResult.drop },
  ]);
}
