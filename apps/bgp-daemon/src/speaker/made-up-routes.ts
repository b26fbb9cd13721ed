import { encodeAttributes, UpdatePacker, type PathAttributes } from '@calico-node/bgp';
import { parseIp } from '@calico-node/net';

const updates = 250;
const prefixesPerUpdate = 25;

/** How many prefixes are announced and withdrawn. */
export const madeUpPrefixes = updates * prefixesPerUpdate;

function attributesOf(index: number, isExternal: boolean): PathAttributes {
  return {
    origin: 'IGP',
    asPath: [{ kind: 'sequence', asns: [64513 + (index % 5), 1 + index] }],
    nextHop: parseIp('192.0.2.1'),
    ...(isExternal ? {} : { localPref: 100 + (index % 2) }),
    ...(index % 2 === 0 ? { communities: [index, index + 1] } : { med: index }),
  };
}

/** UPDATEs as a peer might send them, each with attributes of its own. */
export function announcements(isExternal: boolean): Uint8Array {
  const messages: Uint8Array[] = [];
  for (let index = 0; index < updates; index++) {
    const attributes = encodeAttributes(attributesOf(index, isExternal), { as4: true, withNextHop: true });
    const packer = new UpdatePacker(4, 4096, { family: 4, attributes });
    addAll(packer, index);
    messages.push(packer.finish());
  }
  return Buffer.concat(messages);
}

/** Takes all of them back. */
export function withdrawals(): Uint8Array {
  const packer = new UpdatePacker(4, 4096);
  for (let index = 0; index < updates; index++) addAll(packer, index);
  return packer.finish();
}

function addAll(packer: UpdatePacker, update: number): void {
  for (let index = 0; index < prefixesPerUpdate; index++) {
    packer.add4(((10 << 24) | ((update * prefixesPerUpdate + index) << 8)) >>> 0, 24 + (index % 3));
  }
}
