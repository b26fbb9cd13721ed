import {
  encodeAttributes,
  encodeKeepalive,
  encodeNotification,
  encodeOpenMessage,
  encodeRouteRefresh,
  headerLength,
  notification,
  u16,
  UpdatePacker,
  type Capability,
  type PathAttributes,
} from '@calico-node/bgp';
import { ipFromBytes } from '@calico-node/net';

/** Good messages with random content, and damage to them; the same for the same seed. */
export class Hostile {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 up to a limit (mulberry32). */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  u32(): number {
    return (this.below(65536) * 65536 + this.below(65536)) >>> 0;
  }

  octets(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256));
  }

  /** A well-formed UPDATE: of either family, announcing or withdrawing. */
  update(): Uint8Array {
    const family = this.below(3) === 0 ? 6 : 4;
    const isWithdrawal = this.below(5) === 0;
    const nextHop = family === 4 ? undefined : ipFromBytes(Uint8Array.of(0x20, 1, 0xd, 0xb8, ...this.octets(12)));
    const attributes = encodeAttributes(this.attributes(), { as4: true, withNextHop: family === 4 });
    const packer = new UpdatePacker(family, 4096, isWithdrawal ? undefined : { family, attributes, nextHop });
    for (let count = 1 + this.below(6); count > 0; count--) {
      const bits = this.below(family === 4 ? 33 : 129);
      packer.add(Uint8Array.of(bits, ...this.octets((bits + 7) >> 3)), 0, 1 + ((bits + 7) >> 3));
    }
    return packer.finish();
  }

  attributes(): PathAttributes {
    const some = <T>(value: () => T): T | undefined => (this.below(3) === 0 ? value() : undefined);
    const list = <T>(value: () => T): T[] => Array.from({ length: 1 + this.below(4) }, value);
    return {
      origin: 'IGP',
      asPath: [{ kind: this.below(8) === 0 ? 'set' : 'sequence', asns: list(() => 1 + this.below(100_000)) }],
      nextHop: ipFromBytes(Uint8Array.of(10, this.below(4), this.below(256), this.below(256))),
      med: some(() => this.u32()),
      localPref: some(() => this.u32()),
      atomicAggregate: some(() => true),
      aggregator: some(() => ({ asn: 1 + this.below(70_000), address: this.u32() })),
      communities: some(() => list(() => this.u32())),
      extendedCommunities: some(() => list(() => BigInt(this.u32()))),
      largeCommunities: some(() => list(() => [this.u32(), this.u32(), this.u32()] as const)),
      originatorId: some(() => this.u32()),
      clusterList: some(() => list(() => this.u32())),
      onlyToCustomer: some(() => 1 + this.below(70_000)),
      unknown: some(() => [{ code: 40 + this.below(200), flags: 0xe0, value: this.octets(this.below(20)) }]),
    };
  }

  open(): Uint8Array {
    const capability = (): Capability => ({ kind: 'other', code: this.below(256), value: this.octets(this.below(24)) });
    return encodeOpenMessage({
      asn: 1 + this.below(100_000),
      holdSeconds: this.below(4) === 0 ? 0 : 3 + this.below(300),
      routerId: this.u32(),
      capabilities: Array.from({ length: this.below(8) }, capability),
    });
  }

  /** Any message. */
  message(): Uint8Array {
    const kind = this.below(20);
    if (kind === 0) return encodeKeepalive();
    if (kind === 1) return encodeNotification(notification(this.below(9), this.below(12), this.octets(this.below(40))));
    if (kind === 2) return encodeRouteRefresh(this.below(2) === 0 ? 4 : 6, 'request');
    return kind < 6 ? this.open() : this.update();
  }

  /** An UPDATE with octets of its attributes changed: mostly one that the session survives. */
  changed(update: Uint8Array): Uint8Array {
    const octets = update.slice();
    const attributesAt = headerLength + 4 + u16(octets, headerLength);
    const length = u16(octets, attributesAt - 2);
    for (let changes = 1 + this.below(3); changes > 0 && length > 0; changes--) {
      octets[attributesAt + this.below(length)] = this.below(256);
    }
    return octets;
  }

  /** Changes, drops, doubles or cuts octets from `from` on; the header's length is then right again, mostly. */
  damaged(message: Uint8Array, from: number): Uint8Array {
    let octets = [...message];
    for (let changes = 1 + this.below(4); changes > 0; changes--) {
      const at = from + this.below(Math.max(1, octets.length - from));
      switch (this.below(6)) {
        case 0:
          octets.splice(at, 1 + this.below(4));
          break;
        case 1:
          octets.splice(at, 0, ...this.octets(1 + this.below(4)));
          break;
        case 2:
          octets = octets.slice(0, at);
          break;
        case 3:
          octets.splice(at, 0, ...octets.slice(at, at + 1 + this.below(30)));
          break;
        default:
          if (at < octets.length) octets[at] = this.below(256);
      }
    }
    if (octets.length > 18 && this.below(50) > 0) {
      octets[16] = octets.length >> 8;
      octets[17] = octets.length & 0xff;
    }
    return Uint8Array.from(octets.slice(0, 4096));
  }
}
