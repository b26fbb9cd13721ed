import { encodeAttributes, UpdatePacker, type PathAttributes } from '@calico-node/bgp';
import type { IpAddress } from '@calico-node/net';

/** A run of routes as a sender says it: announcements and withdrawals, as whole messages. */
export interface RouteSet {
  /** The /24 (the first 24 bits as a number) that each prefix lies in; every /24 holds one prefix. */
  readonly blocks: Uint32Array;
  readonly announce: Uint8Array;
  readonly withdraw: Uint8Array;
}

/** Reproducible numbers in 0..1 (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** 60 % /24, the rest /25, /26, /28 and /32: the length belongs to the block, so that a receiver can check it. */
export function lengthIn(block: number): number {
  const draw = (Math.imul(block, 0x9e3779b1) >>> 0) % 10;
  return [24, 24, 24, 24, 24, 24, 25, 26, 28, 32][draw] ?? 24;
}

/** The n-th /24 of the space that routes are taken from: 16.0.0.0 up, without loopback. */
function blockAt(index: number): number {
  const block = 0x100000 + index;
  return block < 0x7f0000 ? block : block + 0x10000;
}

function attributesOf(random: () => number, nextHop: IpAddress): PathAttributes {
  const below = (limit: number): number => Math.floor(random() * limit);
  const asns = Array.from({ length: 1 + below(6) }, () =>
    random() < 0.8 ? 1000 + below(60_000) : 200_000 + below(9999),
  );
  const communities = Array.from({ length: below(5) }, () => (1000 + below(60_000)) * 0x10000 + below(0xffff));
  return {
    origin: 'IGP',
    asPath: [{ kind: 'sequence', asns }],
    nextHop,
    localPref: 100,
    ...(random() < 0.3 ? { med: below(1000) } : {}),
    ...(communities.length > 0 ? { communities } : {}),
  };
}

function shuffled(count: number, first: number, random: () => number): Uint32Array {
  const blocks = Uint32Array.from({ length: count }, (_, index) => blockAt(first + index));
  for (let index = count - 1; index > 0; index--) {
    const other = Math.floor(random() * (index + 1));
    [blocks[index], blocks[other]] = [blocks[other] ?? 0, blocks[index] ?? 0];
  }
  return blocks;
}

/** Appends a block's prefix to a packer. */
function add(packer: UpdatePacker, block: number, scratch: Uint8Array): void {
  const length = lengthIn(block);
  scratch.set([length, block >>> 16, (block >>> 8) & 0xff, block & 0xff, 0]);
  packer.add(scratch, 0, 1 + ((length + 7) >> 3));
}

/**
 * Distinct IPv4 routes in UPDATEs of 1 to 50 prefixes, each UPDATE with its own path (1 to 6 ASes), 0 to 4
 * communities and sometimes a MED.
 *
 * @param first the number of the first /24, so that several senders can have routes of their own.
 */
export function makeRoutes(count: number, first: number, nextHop: IpAddress): RouteSet {
  const random = randomFrom(count + first);
  const blocks = shuffled(count, first, random);
  const scratch = new Uint8Array(5);
  const announce: Uint8Array[] = [];
  const withdrawals = new UpdatePacker(4, 4096);
  for (let at = 0; at < count;) {
    const end = Math.min(count, at + 1 + Math.floor(random() * 50));
    const attributes = encodeAttributes(attributesOf(random, nextHop), { as4: true, withNextHop: true });
    const packer = new UpdatePacker(4, 4096, { family: 4, attributes });
    for (; at < end; at++) add(packer, blocks[at] ?? 0, scratch);
    announce.push(packer.finish());
  }
  for (const block of blocks) add(withdrawals, block, scratch);
  return { blocks, announce: Buffer.concat(announce), withdraw: withdrawals.finish() };
}
