import { cidrOf, ipFromBytes, parseIp, type Cidr, type IpAddress } from '@calico-node/net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { u16, u32, u8 } from '../wire/bytes.ts';
import { encodeAttributes } from '../wire/encode-attributes.ts';
import { messageType } from '../wire/header.ts';
import { encodeEndOfRib, encodeMessage } from '../wire/message.ts';
import type { PathAttributes } from '../wire/path-attributes.ts';
import { encodeMrtMessage, encodeMrtStateChange, familyOfUpdate } from './messages.ts';
import { encodePeerIndexTable, encodeRibRecord } from './table-dump.ts';

const number = fc.integer({ min: 0, max: 0xffffffff });
const address4 = fc.uint8Array({ minLength: 4, maxLength: 4 }).map(ipFromBytes);
const address6 = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(ipFromBytes);
const address = fc.oneof(address4, address6);

/** The record's parts, and that its header tells its true length. */
function open(record: Uint8Array): { type: number; subtype: number; seconds: number; body: Uint8Array } {
  const body = record.subarray(12);
  expect(u32(record, 8)).toBe(body.length);
  return { seconds: u32(record, 0), type: u16(record, 4), subtype: u16(record, 6), body };
}

function attributesVia(nextHop: IpAddress): PathAttributes {
  return { origin: 'IGP', asPath: [{ kind: 'sequence', asns: [64512, 4200000000] }], nextHop, communities: [7] };
}

describe('TABLE_DUMP_V2 (RFC 6396 4.3)', () => {
  it('tells every peer of the index', () => {
    const peers = fc.array(fc.record({ routerId: number, address, asn: number }), { maxLength: 20 });
    fc.assert(
      fc.property(peers, fc.string(), number, (given, view, seconds) => {
        const { body, type, subtype } = open(encodePeerIndexTable(1, view, given, seconds));
        expect([type, subtype]).toEqual([13, 1]);
        let at = 6 + u16(body, 4);
        expect(new TextDecoder().decode(body.subarray(6, at))).toBe(
          new TextDecoder().decode(new TextEncoder().encode(view)),
        );
        const count = u16(body, at);
        at += 2;
        const read = Array.from({ length: count }, () => {
          const size = (u8(body, at) & 1) === 1 ? 16 : 4;
          const peer = {
            routerId: u32(body, at + 1),
            address: ipFromBytes(body.subarray(at + 5, at + 5 + size)),
            asn: u32(body, at + 5 + size),
          };
          at += 9 + size;
          return peer;
        });
        expect([read, at]).toEqual([given, body.length]);
      }),
    );
  });

  it('tells the prefix, and each path with its peer and attributes', () => {
    const prefix = fc.oneof(
      fc.tuple(address4, fc.integer({ min: 0, max: 32 })),
      fc.tuple(address6, fc.integer({ min: 0, max: 128 })),
    );
    const cidr = prefix.map(([ip, length]): Cidr => cidrOf(ip, length));
    const entries = fc.array(
      fc.record({
        peer: fc.integer({ min: 0, max: 0xffff }),
        originatedSeconds: number,
        pathId: fc.oneof(fc.constant(0), number),
        nextHop: address,
      }),
    );
    fc.assert(
      fc.property(number, cidr, entries, (sequence, destination, given) => {
        const paths = given.map(({ nextHop, ...rest }) => ({ ...rest, attributes: attributesVia(nextHop) }));
        const { body, subtype } = open(encodeRibRecord(sequence, destination, paths, 0));
        const hasIdentifiers = given.some(({ pathId }) => pathId !== 0);
        const isIpv4 = subtype === (hasIdentifiers ? 8 : 2);
        if (!isIpv4) expect(subtype).toBe(hasIdentifiers ? 10 : 4);
        const size = isIpv4 ? 4 : 16;
        const octets = (u8(body, 4) + 7) >> 3;
        const padded = new Uint8Array(size);
        padded.set(body.subarray(5, 5 + octets));
        expect([u32(body, 0), cidrOf(ipFromBytes(padded), u8(body, 4))]).toEqual([sequence, destination]);
        let at = 5 + octets;
        expect(u16(body, at)).toBe(given.length);
        at += 2;
        for (const { peer, originatedSeconds, pathId, attributes } of paths) {
          expect([u16(body, at), u32(body, at + 2)]).toEqual([peer, originatedSeconds]);
          if (hasIdentifiers) {
            expect(u32(body, at + 6)).toBe(pathId);
            at += 4;
          }
          const end = at + 8 + u16(body, at + 6);
          const isV4 = !attributes.nextHop!.includes(':');
          const plain = encodeAttributes(attributes, { as4: true, withNextHop: isV4 });
          expect(body.subarray(at + 8, at + 8 + plain.length)).toEqual(plain);
          // Of MP_REACH_NLRI only the next hop.
          if (isV4) expect(end).toBe(at + 8 + plain.length);
          else expect(ipFromBytes(body.subarray(end - 16, end))).toBe(attributes.nextHop);
          at = end;
        }
        expect(at).toBe(body.length);
      }),
    );
  });

  it('is what the RFC draws', () => {
    const peer = { routerId: 0x0a000001, address: parseIp('10.0.0.1'), asn: 64512 };
    expect(Buffer.from(encodePeerIndexTable(0x0a000002, 'v', [peer], 1)).toString('hex')).toBe(
      '00000001000d0001' + '00000016' + '0a000002' + '000176' + '0001' + '020a0000010a0000010000fc00',
    );
  });
});

describe('the family of an UPDATE', () => {
  const update = (octets: readonly number[]): Uint8Array => encodeMessage(messageType.update, Uint8Array.from(octets));
  it.each([
    ['prefixes of IPv4', 4, update([0, 0, 0, 0, 8, 10])],
    ['withdrawn ones', 4, update([0, 2, 8, 10, 0, 0])],
    [
      'MP_UNREACH_NLRI of IPv6, behind another attribute',
      6,
      update([0, 0, 0, 10, 0x40, 1, 1, 0, 0x80, 15, 3, 0, 2, 1]),
    ],
    ['MP_REACH_NLRI of IPv4, with a long length', 4, update([0, 0, 0, 9, 0x90, 14, 0, 5, 0, 1, 1, 0, 0])],
    ['End-of-RIB of IPv6', 6, encodeEndOfRib(6)],
    ['End-of-RIB of IPv4', 4, encodeEndOfRib(4)],
    ['lengths beyond its end', 4, update([0, 9, 0, 0])],
  ] as const)('is that of its %s', (_what, family, message) => {
    expect(familyOfUpdate(message)).toBe(family);
  });
});

describe('BGP4MP (RFC 6396 4.4)', () => {
  it.each([
    { as4: false, addPath: false, subtype: 1 },
    { as4: true, addPath: false, subtype: 4 },
    { as4: false, addPath: true, subtype: 8 },
    { as4: true, addPath: true, subtype: 9 },
  ])('carries messages whole, with as4 $as4 and addPath $addPath', ({ subtype, ...form }) => {
    const ends = fc.oneof(fc.tuple(address4, address4), fc.tuple(address6, address6));
    const asn = fc.integer({ min: 1, max: 0xffffffff });
    fc.assert(
      fc.property(ends, asn, asn, fc.uint8Array(), ([peerAddress, localAddress], peerAs, localAs, message) => {
        const session = { peerAs, localAs, peerAddress, localAddress };
        const { body, ...header } = open(encodeMrtMessage(session, form, message, 7));
        expect(header).toEqual({ type: 16, subtype, seconds: 7 });
        const asnOctets = form.as4 ? 4 : 2;
        const asns = [0, asnOctets].map((at) => (form.as4 ? u32(body, at) : u16(body, at)));
        expect(asns).toEqual([peerAs, localAs].map((one) => (form.as4 || one <= 0xffff ? one : 23456)));
        const size = u16(body, 2 * asnOctets + 2) === 2 ? 16 : 4;
        const at = 2 * asnOctets + 4;
        expect(ipFromBytes(body.subarray(at, at + size))).toBe(peerAddress);
        expect(ipFromBytes(body.subarray(at + size, at + 2 * size))).toBe(localAddress);
        expect(body.subarray(at + 2 * size)).toEqual(message);
      }),
    );
  });

  it('tells changes of state by their numbers', () => {
    const ends = { peerAs: 1, localAs: 2, peerAddress: parseIp('10.0.0.1'), localAddress: parseIp('10.0.0.2') };
    const { body, subtype } = open(encodeMrtStateChange(ends, 'Established', 'Idle', 0));
    expect([subtype, Buffer.from(body.subarray(-4)).toString('hex')]).toEqual([5, '00060001']);
  });
});
