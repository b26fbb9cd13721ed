import type { ElementKey, SetElement } from './element.ts';
import type { SetType } from './set-type.ts';
import type { Verdict } from './verdict.ts';

/**
 * A register by its number: 1 to 4 hold 16 bytes; 8 to 23 are the same space in words of 4 bytes, so
 * that word 8 is the start of register 1. Concatenated keys are laid out word by word.
 */
export type Register = number;

export type MetaKey = 'mark' | 'iifname' | 'oifname' | 'l4proto' | 'nfproto' | 'iif' | 'oif';

export type CtKey = 'state' | 'direction' | 'status' | 'mark';

export type Comparison = 'eq' | 'ne' | 'lt' | 'lte' | 'gt' | 'gte';

/** NFT_CT_STATE bits (nf_conntrack_common.h). */
export const conntrackStateBit = { invalid: 1, established: 2, related: 4, new: 8, untracked: 64 } as const;

/** IPS_* bits of the connection's status. */
export const conntrackStatusBit = { sourceNat: 16, destinationNat: 32 } as const;

/** A set that exists only inside its rule, as `{ 80, 443 }` in nft's language; gone with the rule. */
export interface AnonymousSet {
  readonly type: SetType;
  /** Keys are the starts and ends of intervals; of a concatenation, each element has its `keyEnd`. */
  readonly interval: boolean;
  readonly elements: readonly ElementKey[];
}

/** A verdict map that exists only inside its rule. */
export interface AnonymousVerdictMap {
  readonly type: SetType;
  /** As of `AnonymousSet`. */
  readonly interval: boolean;
  readonly elements: readonly SetElement[];
}

/**
 * One instruction of nf_tables' machine (nf_tables.h, `NFTA_*`), by the kernel's names. Values are raw
 * register bytes: addresses and ports in network order, marks and states in host order.
 */
export type Expression =
  | { readonly type: 'meta'; readonly key: MetaKey; readonly register: Register }
  /** `nftrace` (one byte, 1): the kernel tells of every rule that the packet meets from here on. */
  | { readonly type: 'meta-set'; readonly key: 'mark' | 'nftrace'; readonly register: Register }
  | { readonly type: 'cmp'; readonly register: Register; readonly op: Comparison; readonly value: Uint8Array }
  | {
      readonly type: 'range';
      readonly register: Register;
      readonly negated: boolean;
      readonly from: Uint8Array;
      readonly to: Uint8Array;
    }
  | {
      readonly type: 'payload';
      readonly base: 'link' | 'network' | 'transport';
      readonly offset: number;
      readonly length: number;
      readonly register: Register;
    }
  /** Writes the register into the packet; `internet-checksum` puts the network header's own checksum right (IPv4). */
  | {
      readonly type: 'payload-set';
      readonly base: 'network';
      readonly offset: number;
      readonly length: number;
      readonly register: Register;
      readonly checksum?: 'internet-checksum';
    }
  /** `register = (register & mask) ^ xor`. */
  | { readonly type: 'bitwise'; readonly register: Register; readonly mask: Uint8Array; readonly xor: Uint8Array }
  | { readonly type: 'ct'; readonly key: CtKey; readonly register: Register }
  | { readonly type: 'ct-set'; readonly key: 'mark'; readonly register: Register }
  /** Goes on when the register's key is in the set (with `inverted`: when it is not). */
  | {
      readonly type: 'lookup';
      readonly set: string | AnonymousSet;
      readonly register: Register;
      readonly inverted: boolean;
    }
  /** Takes the verdict that the map has for the register's key; goes on when it has none. */
  | { readonly type: 'verdict-map'; readonly set: string | AnonymousVerdictMap; readonly register: Register }
  /** Loads what the map has for the key; the rule does not apply when it has none. */
  | { readonly type: 'map'; readonly set: string; readonly register: Register; readonly destination: Register }
  | { readonly type: 'immediate'; readonly register: Register; readonly value: Uint8Array }
  | { readonly type: 'verdict'; readonly verdict: Verdict }
  | { readonly type: 'counter' }
  | {
      readonly type: 'nat';
      readonly kind: 'snat' | 'dnat';
      readonly family: 'ip' | 'ip6';
      readonly address?: Register;
      readonly port?: { readonly min: Register; readonly max: Register };
      readonly fullyRandom?: boolean;
    }
  | {
      readonly type: 'masquerade';
      readonly port?: { readonly min: Register; readonly max: Register };
      readonly fullyRandom?: boolean;
    }
  | {
      readonly type: 'fib';
      readonly result: 'oif' | 'oifname' | 'addrtype';
      readonly flags: readonly ('saddr' | 'daddr' | 'mark' | 'iif' | 'oif')[];
      readonly register: Register;
    }
  /** To the kernel log at a syslog level, or with `group` to nfnetlink_log. */
  | { readonly type: 'log'; readonly prefix: string; readonly level?: number; readonly group?: number }
  /** Goes on while the rate is kept; `over` turns it round. */
  | {
      readonly type: 'limit';
      readonly rate: bigint;
      readonly perSeconds: bigint;
      readonly burst: number;
      readonly over: boolean;
    }
  /** Goes on while no more than `count` connections have come here and are still known; `over` turns it round. */
  | { readonly type: 'connection-limit'; readonly count: number; readonly over: boolean }
  | { readonly type: 'reject'; readonly with: 'port-unreachable' | 'tcp-reset' }
  | { readonly type: 'notrack' }
  /** Puts the packet's connection into a flow table; goes on in any case. In forward hooks alone. */
  | { readonly type: 'flow-offload'; readonly flowTable: string }
  | { readonly type: 'numgen'; readonly register: Register; readonly modulus: number; readonly mode: 'inc' | 'random' };
