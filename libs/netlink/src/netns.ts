import { closeSync, openSync, readFileSync } from 'node:fs';
import { checkResult } from './errno.ts';
import { loadNative } from './native/load.ts';
import type { NativeTable } from './native/table.ts';

const CLONE_NEWNET = 0x40000000;

/** Where `ip netns`, container runtimes and we keep named network namespaces. */
export const NETNS_DIR = '/run/netns';

/** An open network namespace. It lives at least as long as this does. */
export class Netns implements Disposable {
  readonly fd: number;
  /** What it was opened from. */
  readonly path: string;
  #isClosed = false;

  constructor(fd: number, path: string) {
    this.fd = fd;
    this.path = path;
  }

  /** Closing twice is harmless. */
  close(): void {
    if (!this.#isClosed) closeSync(this.fd);
    this.#isClosed = true;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A network namespace: an open one, its file descriptor, its path, or its name under /run/netns. */
export type NetnsRef = Netns | number | string;

function netnsPath(nameOrPath: string): string {
  return nameOrPath.includes('/') ? nameOrPath : `${NETNS_DIR}/${nameOrPath}`;
}

/**
 * Opens a network namespace by path, by name under /run/netns, or by the id of a process in it. The caller closes it.
 * Throws Node's file error (ENOENT, EACCES) when there is none.
 */
export function openNetns(pathOrPid: string | number): Netns {
  const path = typeof pathOrPid === 'number' ? `/proc/${pathOrPid}/ns/net` : netnsPath(pathOrPid);
  return new Netns(openSync(path, 'r'), path);
}

/** Opens the network namespace of the calling thread. The caller closes it. */
export function openOwnNetns(): Netns {
  return openNetns('/proc/thread-self/ns/net');
}

/** Puts the thread back into its own namespace. There is no going on from failure: whatever ran next would hit the wrong one. */
function goHome(home: Netns, native: NativeTable): void {
  const result = native.setns(home.fd, CLONE_NEWNET);
  home.close();
  if (result < 0) {
    process.stderr.write(`cannot return to the own network namespace: errno ${-result}\n`);
    process.abort();
  }
}

/**
 * Runs `work` with the calling thread in another network namespace, and returns what it returns. The thread is back
 * in its own when this returns or throws.
 *
 * `work` must be synchronous and must not start asynchronous file, DNS or crypto work, workers or child processes
 * that should run at home: what they start stays in that namespace. A callback that returns a promise throws.
 */
export function inNetns<T>(netns: NetnsRef, work: () => T, native: NativeTable = loadNative()): T {
  using opened = typeof netns === 'string' ? openNetns(netns) : undefined;
  const fd = opened?.fd ?? (typeof netns === 'number' ? netns : (netns as Netns).fd);
  const home = openOwnNetns();
  const result = native.setns(fd, CLONE_NEWNET);
  if (result < 0) {
    home.close();
    checkResult(result, 'setns', typeof netns === 'object' ? netns.path : String(netns));
  }
  try {
    const value = work();
    if (value instanceof Promise) throw new TypeError('inNetns: the callback must be synchronous');
    return value;
  } finally {
    goHome(home, native);
  }
}

/**
 * Runs `work` with the calling thread in a network namespace that was made for it; the same rules as for `inNetns`.
 * The namespace is gone afterwards unless `work` kept hold of it.
 */
export function inNewNetns<T>(work: () => T, native: NativeTable = loadNative()): T {
  const home = openOwnNetns();
  try {
    unshareNetns(native);
  } catch (error) {
    home.close();
    throw error;
  }
  try {
    return work();
  } finally {
    goHome(home, native);
  }
}

/** Moves the calling thread into a network namespace that is made for it. */
export function unshareNetns(native: NativeTable = loadNative()): void {
  checkResult(native.unshare(CLONE_NEWNET), 'unshare', 'the network namespace');
}

/** The kernel's identity of an open namespace: equal for two handles on the same one. */
export function netnsInode(netns: Netns | number): bigint {
  const fd = typeof netns === 'number' ? netns : netns.fd;
  return BigInt(/^ino:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? 0);
}
