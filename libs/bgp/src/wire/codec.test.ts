import { parseIp, type Cidr, type Family } from '@calico-node/net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openMessage, pathAttributes, prefixOf } from '../testing/arbitraries.ts';
import { formatAsPath } from './as-path.ts';
import {
  decodeNotification,
  describeNotification,
  notification,
  shutdownCommunication,
  shutdownNotification,
} from './notification.ts';
import { decodeAttributes } from './decode-attributes.ts';
import { encodeAttributes } from './encode-attributes.ts';
import { headerLength, messageType, readFrame } from './header.ts';
import {
  decodeRouteRefresh,
  encodeEndOfRib,
  encodeKeepalive,
  encodeNotification,
  encodeOpenMessage,
  encodeRouteRefresh,
  UpdatePacker,
} from './message.ts';
import { nlriToArray } from './nlri.ts';
import { decodeOpen } from './open.ts';
import type { UpdateContext } from './update-context.ts';
import { decodeUpdate } from './update.ts';

const context: UpdateContext = { as4: true, external: false, families: [4, 6], addPath: [] };

/** The bodies of messages that stand one after the other, checked by the framer. */
function frames(bytes: Uint8Array): { type: number; start: number; end: number }[] {
  const found = [];
  for (let at = 0; at < bytes.length;) {
    const frame = readFrame(bytes, at, bytes.length, true);
    if (frame.kind !== 'message') throw new Error(frame.kind);
    found.push({ type: frame.type, start: at + headerLength, end: frame.end });
    at = frame.end;
  }
  return found;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

describe('decode(encode(x)) = x', () => {
  it('holds for OPEN with any capabilities, short and long', () => {
    fc.assert(
      fc.property(openMessage, (open) => {
        const bytes = encodeOpenMessage(open);
        const [frame] = frames(bytes);
        expect(decodeOpen(bytes, frame!.start, frame!.end)).toEqual({ ok: true, open });
      }),
    );
  });

  it('holds for path attributes, towards both kinds of peers', () => {
    for (const external of [false, true]) {
      fc.assert(
        fc.property(pathAttributes(external), (attributes) => {
          const bytes = encodeAttributes(attributes, { as4: true, withNextHop: true });
          const result = decodeAttributes(bytes, 0, bytes.length, { ...context, external });
          expect(result).toMatchObject({ kind: 'decoded', problems: [] });
          if (result.kind === 'decoded') expect(result.attributes).toEqual(attributes);
        }),
      );
    }
  });

  it('leaves a confederation out of AS4_PATH, and takes nothing of one that is malformed (RFC 6793 6)', () => {
    const pathOf = (...as4Path: readonly number[]): string => {
      const bytes = Uint8Array.of(
        0x40,
        1,
        1,
        0,
        0x40,
        2,
        6,
        2,
        2,
        0x5b,
        0xa0,
        0x5b,
        0xa0,
        0xc0,
        17,
        as4Path.length,
        ...as4Path,
      );
      const result = decodeAttributes(bytes, 0, bytes.length, { ...context, as4: false });
      return result.kind === 'decoded' ? formatAsPath(result.attributes.asPath) : 'reset';
    };
    expect(pathOf(3, 1, 0, 0, 0, 9, 2, 1, 0, 1, 0, 0)).toBe('23456 65536');
    expect(pathOf(3, 1, 0, 0, 0, 9)).toBe('23456 23456');
    for (const malformed of [[2, 0], [9, 1, 0, 1, 0, 0], [2, 2, 0, 1, 0, 0], [2, 1, 0, 0, 0, 0], [2]])
      expect(pathOf(...malformed)).toBe('23456 23456');
  });

  it('holds for AS paths over a session with two-octet AS numbers, by way of AS4_PATH', () => {
    fc.assert(
      fc.property(pathAttributes(false), (attributes) => {
        const bytes = encodeAttributes(attributes, { as4: false, withNextHop: true });
        const result = decodeAttributes(bytes, 0, bytes.length, { ...context, as4: false });
        expect(result).toMatchObject({ kind: 'decoded', problems: [] });
        // RFC 6793 4.2.3: an AGGREGATOR that is not AS_TRANS makes AS4_PATH void.
        const { aggregator } = attributes;
        if (aggregator !== undefined && aggregator.asn <= 0xffff) return;
        if (result.kind !== 'decoded') return;
        const flat = (path: typeof attributes.asPath): unknown =>
          path.map(({ kind, asns }) => (kind === 'sequence' ? asns : [asns])).flat();
        expect(flat(result.attributes.asPath)).toEqual(flat(attributes.asPath));
        expect(result.attributes.aggregator).toEqual(aggregator);
      }),
    );
  });

  it.each([4, 6] as const)(
    'holds for announcements of IPv%d, packed into messages no longer than allowed',
    (family: Family) => {
      fc.assert(
        fc.property(
          pathAttributes(false),
          fc.array(prefixOf(family), { minLength: 1, maxLength: 400 }),
          fc.constantFrom(1500, 4096, 65535),
          (attributes, prefixes, limit) => {
            const nextHop = family === 4 ? attributes.nextHop : parseIp('2001:db8::1');
            const linkLocal = family === 4 ? undefined : parseIp('fe80::1');
            const template = {
              family,
              nextHop,
              linkLocal,
              attributes: encodeAttributes(attributes, { as4: true, withNextHop: family === 4 }),
            };
            const packer = new UpdatePacker(family, limit, template);
            for (const prefix of prefixes) packer.addCidr(prefix);
            const bytes = packer.finish();
            const seen: Cidr[] = [];
            for (const { type, start, end } of frames(bytes)) {
              expect(type).toBe(messageType.update);
              expect(end - start + headerLength).toBeLessThanOrEqual(limit);
              const update = decodeUpdate(bytes, start, end, context);
              if (update.kind === 'reset') throw new Error(update.reason);
              expect(update.problems).toEqual([]);
              for (const announcement of update.announced) {
                expect(announcement.attributes).toEqual({ ...attributes, nextHop, linkLocalNextHop: linkLocal });
                seen.push(...nlriToArray(announcement.block).map(({ prefix }) => prefix));
              }
            }
            expect(seen).toEqual(prefixes);
          },
        ),
        { numRuns: 60 },
      );
    },
  );

  it.each([4, 6] as const)('holds for withdrawals of IPv%d', (family: Family) => {
    fc.assert(
      fc.property(fc.array(prefixOf(family), { minLength: 1, maxLength: 900 }), (prefixes) => {
        const packer = new UpdatePacker(family, 4096);
        for (const prefix of prefixes) packer.addCidr(prefix);
        const bytes = packer.finish();
        const seen = frames(bytes).flatMap(({ start, end }) => {
          const update = decodeUpdate(bytes, start, end, context);
          return update.kind === 'reset' ? [] : update.withdrawn.flatMap(nlriToArray);
        });
        expect(seen.map(({ prefix }) => prefix)).toEqual(prefixes);
      }),
      { numRuns: 60 },
    );
  });

  it.each([4, 6] as const)('holds for End-of-RIB and ROUTE-REFRESH of IPv%d', (family) => {
    const end = encodeEndOfRib(family);
    expect(decodeUpdate(end, headerLength, end.length, context)).toMatchObject({
      kind: 'update',
      endOfRib: family,
      announced: [],
    });
    const refresh = encodeRouteRefresh(family, 'begin');
    expect(decodeRouteRefresh(refresh, headerLength, refresh.length)).toEqual({ family, kind: 'begin' });
  });

  it('holds for NOTIFICATION and its text', () => {
    const sent = shutdownNotification(2, 'maintenance at 22:00, “ring” ☎');
    const bytes = encodeNotification(sent);
    const got = decodeNotification(bytes, headerLength, bytes.length);
    expect(got).toEqual(sent);
    expect(describeNotification(got)).toBe('Cease: Administrative Shutdown ("maintenance at 22:00, “ring” ☎")');
    expect(shutdownCommunication(shutdownNotification(4, '☎'.repeat(100)))).toBe('☎'.repeat(85));
    expect(describeNotification(notification(6, 2, Uint8Array.of(3, 0xff, 0xfe, 0xfd)))).toBe(
      'Cease: Administrative Shutdown',
    );
  });
});

describe('any octets', () => {
  it('never make the decoders throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, flag) => {
        readFrame(bytes, 0, bytes.length, flag);
        if (bytes.length >= 10) decodeOpen(bytes, 0, bytes.length);
        if (bytes.length >= 4)
          decodeUpdate(bytes, 0, bytes.length, { ...context, as4: flag, addPath: flag ? [4] : [] });
      }),
      { numRuns: 3000 },
    );
  });

  it('changed in a good UPDATE never make the decoder throw, nor lose a block its bounds', () => {
    const mutation = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(
        pathAttributes(false),
        fc.array(prefixOf(6), { minLength: 1, maxLength: 5 }),
        mutation,
        (attributes, prefixes, changes) => {
          const template = {
            family: 6,
            nextHop: parseIp('2001:db8::1'),
            attributes: encodeAttributes(attributes, { as4: true, withNextHop: true }),
          } as const;
          const packer = new UpdatePacker(6, 65535, template);
          for (const prefix of prefixes) packer.addCidr(prefix);
          const bytes = packer.finish();
          for (const [at, value] of changes) bytes[headerLength + (at % (bytes.length - headerLength))] = value;
          const result = decodeUpdate(bytes, headerLength, bytes.length, context);
          if (result.kind === 'reset') return;
          for (const block of [...result.withdrawn, ...result.announced.map((announcement) => announcement.block)])
            nlriToArray(block);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('the framer', () => {
  it('waits for the rest of a message, and takes one by one', () => {
    const bytes = concat([encodeKeepalive(), encodeKeepalive()]);
    for (let length = 0; length < 19; length++)
      expect(readFrame(bytes, 0, length, false)).toEqual({ kind: 'incomplete' });
    expect(readFrame(bytes, 0, 38, false)).toEqual({ kind: 'message', type: 4, end: 19 });
  });

  it('lets longer messages through only where they were agreed on, and never a longer OPEN', () => {
    const long = (type: number): Uint8Array => concat([new Uint8Array(16).fill(0xff), Uint8Array.of(0x20, 0, type)]);
    expect(readFrame(long(2), 0, 19, false)).toMatchObject({ kind: 'error', notification: { code: 1, subcode: 2 } });
    expect(readFrame(long(2), 0, 19, true)).toEqual({ kind: 'incomplete' });
    expect(readFrame(long(1), 0, 19, true)).toMatchObject({ kind: 'error', notification: { code: 1, subcode: 2 } });
  });
});
