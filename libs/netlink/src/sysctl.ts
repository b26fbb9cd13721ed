import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { NativeTable } from './native/table.ts';
import { inNetns, type NetnsRef } from './netns.ts';

export interface SysctlOptions {
  /** Whose value, for those under `net/`; the caller's own namespace when absent. */
  readonly netns?: NetnsRef;
  readonly native?: NativeTable;
}

/** Where a container without privileges finds what it may write, when its runtime has made /proc/sys read-only. */
const MOUNTED = '/host';

/**
 * The file of a sysctl. With slashes, `net/ipv4/conf/eth0.100/forwarding`, dots are part of a name; without,
 * `net.ipv4.ip_forward`, they separate.
 */
function fileOf(name: string): string {
  const path = name.includes('/') ? name : name.replaceAll('.', '/');
  if (path.split('/').some((part) => part === '' || part === '..' || part === '.')) {
    throw new TypeError(`${JSON.stringify(name)} is not a sysctl`);
  }
  return `/proc/sys/${path}`;
}

function visit<T>(options: SysctlOptions, work: () => T): T {
  return options.netns === undefined ? work() : inNetns(options.netns, work, options.native);
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/**
 * Sets a sysctl. Where /proc/sys is read-only, as in a container, through /host/proc/sys: a mount of the host's
 * /proc/sys/net there shows each namespace its own values, as /proc does. Throws Node's file error: ENOENT when there
 * is none (or no such interface), EROFS, EINVAL.
 */
export function writeSysctl(name: string, value: string | number, options: SysctlOptions = {}): void {
  const file = fileOf(name);
  visit(options, () => {
    try {
      writeFileSync(file, `${value}\n`);
    } catch (error) {
      if (!hasCode(error, 'EROFS') || !existsSync(MOUNTED + file)) throw error;
      writeFileSync(MOUNTED + file, `${value}\n`);
    }
  });
}

/** Reads a sysctl, without the line's end. Throws Node's file error. */
export function readSysctl(name: string, options: SysctlOptions = {}): string {
  const file = fileOf(name);
  return visit(options, () => readFileSync(file, 'utf8')).trimEnd();
}
