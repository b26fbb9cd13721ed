import type { Family } from '@calico-node/net';
import { viewOf } from '../attribute-writer.ts';
import { checkResult } from '../errno.ts';
import { loadNative } from '../native/load.ts';
import { inNetns, type NetnsRef } from '../netns.ts';

const addressFamily: Readonly<Record<Family, number>> = { 4: 2, 6: 10 };
/** IPPROTO_IP, IPPROTO_IPV6. */
const level: Readonly<Record<Family, number>> = { 4: 0, 6: 41 };
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const IPPROTO_RAW = 255;

/** IPT_SO_GET_INFO and IP6T_SO_GET_INFO (linux/netfilter_ipv4/ip_tables.h, linux/netfilter_ipv6/ip6_tables.h). */
const GET_INFO = 64;
/** struct ipt_getinfo: the name, then the hooks' masks and offsets, the number of entries and their size. */
const INFO_BYTES = 84;
const NAME_BYTES = 32;
const ENTRIES_OFFSET = 76;
const SIZE_OFFSET = 80;

/** The tables of iptables' legacy variant in a network namespace. The kernel tells nobody of their changes. */
export class LegacyTables implements Disposable {
  readonly #native = loadNative();
  readonly #fds = new Map<Family, number>();

  /** Throws SyscallError. */
  constructor(families: readonly Family[], netns?: NetnsRef) {
    for (const family of families) {
      const create = (): number => this.#native.socket(addressFamily[family], SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
      const fd = netns === undefined ? create() : inNetns(netns, create, this.#native);
      this.#fds.set(family, checkResult(fd, 'socket', 'iptables'));
    }
  }

  /**
   * How much is in a table: a cheap look that shows most changes, but not those that leave as many rules of the same
   * size. Undefined where there is no such table. Asking makes the table where the kernel can.
   */
  sizeOf(family: Family, table: string): { readonly entries: number; readonly bytes: number } | undefined {
    const fd = this.#fds.get(family);
    if (fd === undefined) return undefined;
    const info = new Uint8Array(INFO_BYTES);
    info.set(new TextEncoder().encode(table).subarray(0, NAME_BYTES - 1));
    if (this.#native.getsockopt(fd, level[family], GET_INFO, info) < 0) return undefined;
    const view = viewOf(info);
    return { entries: view.getUint32(ENTRIES_OFFSET, true), bytes: view.getUint32(SIZE_OFFSET, true) };
  }

  [Symbol.dispose](): void {
    for (const fd of this.#fds.values()) this.#native.close(fd);
    this.#fds.clear();
  }
}
