import { closeSync, constants, mkdirSync, openSync, unlinkSync } from 'node:fs';
import { checkResult, SyscallError } from './errno.ts';
import { loadNative } from './native/load.ts';
import type { NativeTable } from './native/table.ts';
import { inNewNetns, NETNS_DIR } from './netns.ts';

const mountFlag = { bind: 0x1000, recursive: 0x4000, shared: 1 << 20 } as const;
const MNT_DETACH = 2;
const LOCK_EX = 2;

/** A name that is one path component and nothing else. */
function pathOf(name: string): string {
  if (!/^[^/\0]+$/.test(name) || name === '.' || name === '..') {
    throw new TypeError(`${JSON.stringify(name)} is not a namespace name`);
  }
  return `${NETNS_DIR}/${name}`;
}

/**
 * Makes /run/netns a shared mount point, as `ip netns` does and expects: else its first use would bind the directory
 * over ours and hide the namespaces in it for ever. Under a lock, since others may be doing the same now.
 */
function prepareDirectory(native: NativeTable): void {
  mkdirSync(NETNS_DIR, { recursive: true, mode: 0o755 });
  const lock = openSync(NETNS_DIR, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    checkResult(native.flock(lock, LOCK_EX), 'flock', NETNS_DIR);
    const makeShared = (): number => native.mount('', NETNS_DIR, 'none', mountFlag.shared | mountFlag.recursive);
    if (makeShared() >= 0) return;
    checkResult(native.mount(NETNS_DIR, NETNS_DIR, 'none', mountFlag.bind | mountFlag.recursive), 'mount', NETNS_DIR);
    checkResult(makeShared(), 'mount', NETNS_DIR);
  } finally {
    closeSync(lock);
  }
}

/**
 * Makes an empty network namespace (its loopback down) and names it under /run/netns, where `ip netns` finds it too.
 * It lives until `deleteNetns`. The calling thread visits it and is back on return.
 * Throws Node's EEXIST when the name is taken, SyscallError when it is not permitted.
 */
export function createNetns(name: string, native: NativeTable = loadNative()): void {
  const path = pathOf(name);
  prepareDirectory(native);
  closeSync(openSync(path, constants.O_RDONLY | constants.O_CREAT | constants.O_EXCL, 0o444));
  try {
    inNewNetns(() => {
      checkResult(native.mount('/proc/thread-self/ns/net', path, 'none', mountFlag.bind), 'mount', path);
    }, native);
  } catch (error) {
    unlinkSync(path);
    throw error;
  }
}

/**
 * Takes a namespace's name away. The namespace itself goes, with everything in it, once no process, socket or open
 * file holds it; the kernel does that in the background. Throws Node's ENOENT when there is no such name.
 */
export function deleteNetns(name: string, native: NativeTable = loadNative()): void {
  const path = pathOf(name);
  const result = native.umount(path, MNT_DETACH);
  // EINVAL: the file is there without a mount, left by a creation that was interrupted. ENOENT: let unlink say so.
  const error = result < 0 ? new SyscallError('umount', -result, path) : undefined;
  if (error !== undefined && error.code !== 'EINVAL' && error.code !== 'ENOENT') throw error;
  unlinkSync(path);
}
