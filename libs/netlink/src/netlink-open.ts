import { checkResult } from './errno.ts';
import type { NativeTable } from './native/table.ts';
import { inNetns, type NetnsRef } from './netns.ts';
import { encodeFilter, filterCode, filterResult } from './packet-filter.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const netlinkOption = { addMembership: 1, capAck: 10, extAck: 11, strictCheck: 12 } as const;
const netlinkProtocol = { route: 0, netfilter: 12, generic: 16 } as const;

const MIB = 1 << 20;

export interface NetlinkSocketOptions {
  readonly protocol: keyof typeof netlinkProtocol;
  /** Where the socket lives, for good; the caller's own namespace when absent. */
  readonly netns?: NetnsRef;
  /** Multicast groups by number (RTNLGRP_*, NFNLGRP_*). */
  readonly groups?: readonly number[];
  /** Messages that speak of what this port asked for are left out by the kernel: not queued, and not to be read. */
  readonly ignoredPortId?: number;
  /** Past the system's limit when the process may; default 8 MiB, or 32 MiB with groups. */
  readonly receiveBufferBytes?: number;
  /** The largest single send; past the system's limit when the process may; default 64 MiB. */
  readonly sendBufferBytes?: number;
  readonly native?: NativeTable;
}

/**
 * A netlink socket with its options set, bound to a port of the kernel's choosing. The caller closes it.
 * Throws SyscallError, and leaves nothing open then.
 */
export function openNetlinkSocket(options: NetlinkSocketOptions, native: NativeTable): { fd: number; portId: number } {
  const protocol = netlinkProtocol[options.protocol];
  const create = (): number => native.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  const result = options.netns === undefined ? create() : inNetns(options.netns, create, native);
  const fd = checkResult(result, 'socket', `netlink ${options.protocol}`);
  try {
    configure(fd, options, native);
    const portId = bindToKernelsChoice(fd, native);
    if (options.ignoredPortId !== undefined) {
      checkResult(native.attachFilter(fd, ignorePort(options.ignoredPortId)), 'setsockopt', 'SO_ATTACH_FILTER');
    }
    join(fd, options.groups ?? [], native);
    return { fd, portId };
  } catch (error) {
    native.close(fd);
    throw error;
  }
}

function int32(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer);
}

function configure(fd: number, options: NetlinkSocketOptions, native: NativeTable): void {
  const hasGroups = (options.groups?.length ?? 0) > 0;
  const buffers = [
    [SO_RCVBUFFORCE, SO_RCVBUF, options.receiveBufferBytes ?? (hasGroups ? 32 : 8) * MIB],
    [SO_SNDBUFFORCE, SO_SNDBUF, options.sendBufferBytes ?? 64 * MIB],
  ] as const;
  for (const [forced, limited, size] of buffers) {
    // The kernel doubles the number for its own bookkeeping. Without the privilege the system's limit has to do.
    if (native.setsockopt(fd, SOL_SOCKET, forced, int32(size)) < 0)
      native.setsockopt(fd, SOL_SOCKET, limited, int32(size));
  }
  // Each of these is absent on some old kernel, and only makes for better messages or smaller dumps.
  native.setsockopt(fd, SOL_NETLINK, netlinkOption.extAck, int32(1));
  native.setsockopt(fd, SOL_NETLINK, netlinkOption.capAck, int32(1));
  if (options.protocol === 'route') native.setsockopt(fd, SOL_NETLINK, netlinkOption.strictCheck, int32(1));
}

/** Binds to a port of the kernel's choosing and returns it (`struct sockaddr_nl`). */
function bindToKernelsChoice(fd: number, native: NativeTable): number {
  const address = new Uint8Array(12);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_NETLINK, true);
  checkResult(native.bind(fd, address), 'bind');
  checkResult(native.getsockname(fd, address), 'getsockname');
  return view.getUint32(4, true);
}

/** Joins multicast groups; binding would end any membership that was there before. */
function join(fd: number, groups: readonly number[], native: NativeTable): void {
  for (const group of groups) {
    const result = native.setsockopt(fd, SOL_NETLINK, netlinkOption.addMembership, int32(group));
    checkResult(result, 'setsockopt', `netlink group ${group}`);
  }
}

/** Drops messages whose `nlmsg_pid`, in the fourth word of their header in host order, is the port's. */
function ignorePort(portId: number): Uint8Array {
  const inNetworkOrder = Buffer.alloc(4);
  inNetworkOrder.writeUInt32LE(portId);
  return encodeFilter([
    { code: filterCode.loadWord, k: 12 },
    { code: filterCode.jumpIfEqual, ifTrue: 1, k: inNetworkOrder.readUInt32BE() },
    { code: filterCode.result, k: filterResult.pass },
    { code: filterCode.result, k: filterResult.drop },
  ]);
}
