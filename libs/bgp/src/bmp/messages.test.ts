import { familyOf, parseIp, type Family } from '@calico-node/net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pathAttributes, prefixOf } from '../testing/arbitraries.ts';
import { u32 } from '../wire/bytes.ts';
import { headerLength } from '../wire/header.ts';
import { encodeOpenMessage } from '../wire/message.ts';
import { nlriToArray } from '../wire/nlri.ts';
import { errorCode, notification } from '../wire/notification.ts';
import { decodeUpdate } from '../wire/update.ts';
import {
  encodeInitiation,
  encodeOneRoute,
  encodeOneWithdrawal,
  encodePeerDown,
  encodePeerUp,
  encodeRouteMonitoring,
  encodeLocRibStatistics,
  encodeStatistics,
  encodeTermination,
  locRibPeer,
  locRibUp,
  type BmpStatistics,
} from './messages.ts';

const peer = { address: parseIp('10.0.0.1'), asn: 64512, routerId: 0x0a000001, as4: true };
const peerHex =
  '0000' + '0'.repeat(16) + '0'.repeat(24) + '0a000001' + '0000fc00' + '0a000001' + '00000002' + '000007d0';
const atMs = 2002;
const statistics: BmpStatistics = {
  rejected: 1,
  clusterLoops: 2,
  asLoops: 3,
  originatorLoops: 4,
  treatedAsWithdrawn: 5,
  routesIn: new Map([[4, 5]]),
  routesOut: new Map([
    [4, 3],
    [6, 4],
  ]),
};
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('statistics of the Loc-RIB (RFC 9069 5.5)', () => {
  it('are of types 8 and 10, of the peer that stands for it', () => {
    const routes = new Map([[4, 5] as const, [6, 2 ** 32] as const]);
    const report = encodeLocRibStatistics(locRibPeer(64512, 0x0a000001), routes, atMs);
    expect([report[5], report[6], report[7]]).toEqual([1, 3, 0]);
    expect(hex(report.subarray(48))).toBe(
      '00000003' +
        '00080008' +
        '0000000100000005' +
        '000a000b000101' +
        '0000000000000005' +
        '000a000b000201' +
        '0000000100000000',
    );
  });
});

describe('BMP (RFC 7854 4)', () => {
  it('begins every message with its version, its true length and its type', () => {
    const up = {
      localAddress: peer.address,
      localPort: 1,
      remotePort: 2,
      sentOpen: Uint8Array.of(1),
      receivedOpen: Uint8Array.of(2),
    };
    const messages = [
      encodeRouteMonitoring(peer, Uint8Array.of(7), atMs),
      encodeStatistics(peer, statistics, atMs),
      encodePeerDown(peer, { kind: 'transport', detail: '' }, atMs),
      encodePeerUp(peer, up, atMs),
      encodeInitiation('d', 'n'),
      encodeTermination(),
    ];
    for (const [type, message] of messages.entries())
      expect([message[0], u32(message, 1), message[5]]).toEqual([3, message.length, type]);
    expect(messages.slice(0, 4).map((message) => hex(message.subarray(6, 48)))).toEqual(Array(4).fill(peerHex));
    expect(messages.map((message, type) => hex(message.subarray(type < 4 ? 48 : 6)))).toEqual([
      '07',
      '0000000a' +
        ['0000', '0003', '0004', '0005', '000b'].map((kind, at) => `${kind}00040000000${at + 1}`).join('') +
        '00070008' +
        '0000000000000005' +
        '000f0008' +
        '0000000000000007' +
        '0009000b000101' +
        '0000000000000005' +
        '0011000b000101' +
        '0000000000000003' +
        '0011000b000201' +
        '0000000000000004',
      '04',
      '0'.repeat(24) + '0a000001' + '0001' + '0002' + '0102',
      '00010001' + '64' + '00020001' + '6e',
      '000100020000',
    ]);
  });

  it('marks IPv6 peers, and sessions without long AS numbers', () => {
    const message = encodeRouteMonitoring({ ...peer, address: parseIp('fd00::1'), as4: false }, new Uint8Array(0), 0);
    expect(message[7]).toBe(0xa0);
    expect(encodeRouteMonitoring({ ...peer, view: 'post-policy' }, new Uint8Array(0), 0)[7]).toBe(0x40);
    // RFC 8671 4: the O flag, and after policy.
    expect(encodeRouteMonitoring({ ...peer, view: 'adj-rib-out' }, new Uint8Array(0), 0)[7]).toBe(0x50);
  });

  it('tells of the Loc-RIB as of a peer of type 3 without an address, which names its table (RFC 9069 4, 5)', () => {
    const open = encodeOpenMessage({ asn: 64512, holdSeconds: 0, routerId: 9, capabilities: [] });
    const bytes = encodePeerUp(locRibPeer(64512, 9), locRibUp(open), 1000);
    expect([...bytes.subarray(5, 8)]).toEqual([3, 3, 0]);
    expect([...bytes.subarray(8, 32)]).toEqual(new Array<number>(24).fill(0));
    expect([...bytes.subarray(32, 40)]).toEqual([0, 0, 0xfc, 0, 0, 0, 0, 9]);
    // Local address and ports.
    expect([...bytes.subarray(48, 68)]).toEqual(new Array<number>(20).fill(0));
    expect([...bytes.subarray(68)]).toEqual([...open, ...open, 0, 3, 0, 6, ...Buffer.from('global')]);
  });

  it('tells why a session ended, with the NOTIFICATION where there was one', () => {
    const cease = notification(errorCode.cease, 2);
    const reasonOf = (reason: Parameters<typeof encodePeerDown>[1]): string =>
      hex(encodePeerDown(peer, reason, 0).subarray(48));
    const message = 'f'.repeat(32) + '0015030602';
    expect(reasonOf({ kind: 'sent', notification: cease })).toBe('01' + message);
    expect(reasonOf({ kind: 'received', notification: cease })).toBe('03' + message);
    expect(reasonOf({ kind: 'stopped', notification: undefined })).toBe('020002');
  });

  it.each([4, 6] as const)('tells a route as a neighbour would, IPv%s', (family: Family) => {
    fc.assert(
      fc.property(
        prefixOf(family),
        pathAttributes(true),
        fc.option(fc.integer({ min: 0, max: 0xffffffff }), { nil: undefined }),
        (prefix, given, pathId) => {
          const nextHop = family === 4 ? given.nextHop : parseIp('2001:db8::1');
          if (nextHop === undefined || familyOf(nextHop) !== family) return;
          const message = encodeOneRoute(prefix, { ...given, nextHop }, { as4: true, pathId });
          const addPath = pathId === undefined ? [] : [family];
          const context = { as4: true, external: true, families: [family], addPath, extendedNextHop: false };
          const decoded = decodeUpdate(message, headerLength, message.length, context);
          if (decoded.kind !== 'update') throw new Error(decoded.reason);
          expect(decoded.announced.map(({ block }) => nlriToArray(block))).toEqual([
            [pathId === undefined ? { prefix } : { prefix, pathId }],
          ]);
          const withdrawal = encodeOneWithdrawal(prefix, pathId);
          const gone = decodeUpdate(withdrawal, headerLength, withdrawal.length, context);
          if (gone.kind !== 'update') throw new Error(gone.reason);
          expect(gone.withdrawn.map(nlriToArray)).toEqual(decoded.announced.map(({ block }) => nlriToArray(block)));
          expect(decoded.announced[0]?.attributes.asPath).toEqual(given.asPath);
          expect(decoded.announced[0]?.attributes.nextHop).toBe(nextHop);
        },
      ),
    );
  });
});
