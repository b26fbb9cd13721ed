import { encodeAttributes, UpdatePacker, type PathAttributes } from '@calico-node/bgp';
import { parseIp } from '@calico-node/net';

/**
 * Many UPDATEs of few prefixes: code is compiled for good when it has been called often, and most of it is called once
 * for each UPDATE.
 */
const updates = 1000;
/** In UPDATEs of 1, 2 and up to 11. */
const mostPrefixes = 11;

/** The number of the first prefix of an UPDATE. */
function firstOf(update: number): number {
  const rounds = Math.floor(update / mostPrefixes);
  const left = update % mostPrefixes;
  return (rounds * mostPrefixes * (mostPrefixes + 1)) / 2 + (left * (left + 1)) / 2;
}

/** How many prefixes are announced and withdrawn. */
export const madeUpPrefixes = firstOf(updates);

/** Lists of many lengths, with and without what need not be in them. */
function attributesOf(index: number, isExternal: boolean): PathAttributes {
  const communities = Array.from({ length: index % 5 }, (_, community) => index * 5 + community + 1);
  return {
    origin: 'IGP',
    asPath: [
      { kind: 'sequence', asns: [64513, ...Array.from({ length: index % 6 }, (_, hop) => 1 + index * 6 + hop)] },
    ],
    nextHop: parseIp('192.0.2.1'),
    ...(isExternal ? {} : { localPref: 100 + (index % 2) }),
    ...(communities.length === 0 ? {} : { communities }),
    ...(index % 3 === 0 ? { med: index } : {}),
  };
}

/** What peers send, in whole messages. */
export interface MadeUpRoutes {
  /** As a peer in our own AS tells them, each UPDATE with attributes of its own. */
  readonly internal: Uint8Array;
  readonly external: Uint8Array;
  /** Takes all of them back. */
  readonly withdrawals: Uint8Array;
}

export function makeUpRoutes(): MadeUpRoutes {
  const withdrawals = new UpdatePacker(4, 4096);
  for (let index = 0; index < updates; index++) addAll(withdrawals, index);
  return { internal: announcements(false), external: announcements(true), withdrawals: withdrawals.finish() };
}

function announcements(isExternal: boolean): Uint8Array {
  const messages: Uint8Array[] = [];
  for (let index = 0; index < updates; index++) {
    const attributes = encodeAttributes(attributesOf(index, isExternal), { as4: true, withNextHop: true });
    const packer = new UpdatePacker(4, 4096, { family: 4, attributes });
    addAll(packer, index);
    messages.push(packer.finish());
  }
  return Buffer.concat(messages);
}

function addAll(packer: UpdatePacker, update: number): void {
  for (let prefix = firstOf(update); prefix < firstOf(update + 1); prefix++) {
    packer.add4(((10 << 24) | (prefix << 8)) >>> 0, 24 + (prefix % 3));
  }
}
