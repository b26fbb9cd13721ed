import { createHash } from 'node:crypto';
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
/** IPT_SO_GET_ENTRIES and IP6T_SO_GET_ENTRIES. */
const GET_ENTRIES = 65;
/** struct ipt_getinfo: the name, then the hooks' masks and offsets, the number of entries and their size. */
const INFO_BYTES = 84;
const NAME_BYTES = 32;
const ENTRIES_OFFSET = 76;
const SIZE_OFFSET = 80;
/** struct ipt_get_entries: the name, the size, and, aligned to eight bytes, the entries. */
const FIRST_ENTRY = 40;
/** Where in struct ipt_entry, and in struct ip6t_entry, the next one's distance and the counters are. */
const entryLayout: Readonly<Record<Family, { readonly next: number; readonly counters: number }>> = {
  4: { next: 90, counters: 96 },
  6: { next: 142, counters: 152 },
};
/** struct xt_counters */
const COUNTER_BYTES = 16;

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
    const info = this.#ask(family, GET_INFO, table, INFO_BYTES);
    if (info === undefined) return undefined;
    const view = viewOf(info);
    return { entries: view.getUint32(ENTRIES_OFFSET, true), bytes: view.getUint32(SIZE_OFFSET, true) };
  }

  /**
   * A digest of all of a table but its counters: shows every change of a rule, and costs a copy of the table. Undefined
   * where there is no such table, or it changes meanwhile.
   */
  digestOf(family: Family, table: string): string | undefined {
    const size = this.sizeOf(family, table)?.bytes;
    const answer = size === undefined ? undefined : this.#ask(family, GET_ENTRIES, table, FIRST_ENTRY + size, size);
    if (answer === undefined) return undefined;
    const view = viewOf(answer);
    const { next, counters } = entryLayout[family];
    for (let at = FIRST_ENTRY; at + counters + COUNTER_BYTES <= answer.length;) {
      answer.fill(0, at + counters, at + counters + COUNTER_BYTES);
      const distance = view.getUint16(at + next, true);
      if (distance === 0) break;
      at += distance;
    }
    return createHash('sha1').update(answer).digest('base64');
  }

  /** A request by a table's name, its answer in the same place. */
  #ask(family: Family, option: number, table: string, bytes: number, size?: number): Uint8Array | undefined {
    const fd = this.#fds.get(family);
    if (fd === undefined) return undefined;
    const buffer = new Uint8Array(bytes);
    buffer.set(new TextEncoder().encode(table).subarray(0, NAME_BYTES - 1));
    if (size !== undefined) viewOf(buffer).setUint32(NAME_BYTES, size, true);
    return this.#native.getsockopt(fd, level[family], option, buffer) < 0 ? undefined : buffer;
  }

  [Symbol.dispose](): void {
    for (const fd of this.#fds.values()) this.#native.close(fd);
    this.#fds.clear();
  }
}
