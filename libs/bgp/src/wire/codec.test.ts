import { parseCidr, parseIp, type Cidr, type Family } from '@calico-node/net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openMessage, pathAttributes, prefixOf } from '../testing/arbitraries.ts';
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
            const template = {
              family,
              nextHop,
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
                expect(announcement.attributes).toEqual({ ...attributes, nextHop });
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
    expect(decodeRouteRefresh(refresh, headerLength)).toEqual({ family, kind: 'begin' });
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

describe('RFC 7606', () => {
  const good: Readonly<Record<string, readonly number[]>> = {
    origin: [0x40, 1, 1, 0],
    asPath: [0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe8],
    nextHop: [0x40, 3, 4, 10, 0, 0, 1],
  };

  function decode(
    changed: Readonly<Record<string, readonly number[]>>,
    external = false,
  ): ReturnType<typeof decodeUpdate> {
    const list = Object.values({ ...good, ...changed }).flat();
    const body = Uint8Array.of(0, 0, 0, list.length, ...list, 24, 192, 0, 2);
    return decodeUpdate(body, 0, body.length, { ...context, families: [4, 6], external });
  }

  const outcome = (result: ReturnType<typeof decodeUpdate>): string =>
    result.kind === 'reset'
      ? `reset ${result.notification.subcode}`
      : result.announced.length > 0
        ? 'announced'
        : 'withdrawn';

  it.each<readonly [string, Readonly<Record<string, readonly number[]>>, string]>([
    ['nothing wrong', {}, 'announced'],
    ['no ORIGIN', { origin: [] }, 'withdrawn'],
    ['no AS_PATH', { asPath: [] }, 'withdrawn'],
    ['no NEXT_HOP', { nextHop: [] }, 'withdrawn'],
    ['ORIGIN 3', { origin: [0x40, 1, 1, 3] }, 'withdrawn'],
    ['ORIGIN of two octets', { origin: [0x40, 1, 2, 0, 0] }, 'withdrawn'],
    ['ORIGIN marked optional', { origin: [0xc0, 1, 1, 0] }, 'withdrawn'],
    ['ORIGIN with the partial bit', { origin: [0x60, 1, 1, 0] }, 'announced'],
    ['ORIGIN twice', { more: [0x40, 1, 1, 2] }, 'announced'],
    ['an AS_PATH with an empty segment', { asPath: [0x40, 2, 2, 2, 0] }, 'withdrawn'],
    ['an AS_PATH with segment type 9', { asPath: [0x40, 2, 6, 9, 1, 0, 0, 0, 1] }, 'withdrawn'],
    ['an AS_PATH that overruns', { asPath: [0x40, 2, 6, 2, 2, 0, 0, 0, 1] }, 'withdrawn'],
    ['AS 0 in the AS_PATH', { asPath: [0x40, 2, 6, 2, 1, 0, 0, 0, 0] }, 'withdrawn'],
    ['a NEXT_HOP of three octets', { nextHop: [0x40, 3, 3, 10, 0, 0] }, 'withdrawn'],
    ['a multicast NEXT_HOP', { nextHop: [0x40, 3, 4, 224, 0, 0, 1] }, 'withdrawn'],
    ['a MED of three octets', { more: [0x80, 4, 3, 0, 0, 0] }, 'withdrawn'],
    ['a LOCAL_PREF of five octets', { more: [0x40, 5, 5, 0, 0, 0, 0, 0] }, 'withdrawn'],
    ['an ATOMIC_AGGREGATE with a value', { more: [0x40, 6, 1, 0] }, 'announced'],
    ['an AGGREGATOR of six octets', { more: [0xc0, 7, 6, 0, 1, 1, 1, 1, 1] }, 'announced'],
    ['COMMUNITIES of five octets', { more: [0xc0, 8, 5, 0, 0, 0, 0, 0] }, 'withdrawn'],
    ['empty COMMUNITIES', { more: [0xc0, 8, 0] }, 'withdrawn'],
    ['an ORIGINATOR_ID of two octets', { more: [0x80, 9, 2, 0, 0] }, 'withdrawn'],
    ['a CLUSTER_LIST of three octets', { more: [0x80, 10, 3, 0, 0, 0] }, 'withdrawn'],
    ['extended communities of seven octets', { more: [0xc0, 16, 7, 0, 0, 0, 0, 0, 0, 0] }, 'withdrawn'],
    ['large communities of eleven octets', { more: [0xc0, 32, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] }, 'withdrawn'],
    ['a list that ends in a header', { more: [0x40, 5] }, 'withdrawn'],
    ['an attribute that overruns', { more: [0x40, 5, 9, 0] }, 'withdrawn'],
    ['an unknown optional attribute', { more: [0x80, 200, 1, 0] }, 'announced'],
    ['an unknown well-known attribute', { more: [0x40, 200, 1, 0] }, 'reset 2'],
    ['MP_REACH_NLRI cut short', { more: [0x80, 14, 4, 0, 2, 1, 16] }, 'reset 9'],
    ['MP_REACH_NLRI with a next hop of five octets', { more: [0x80, 14, 10, 0, 2, 1, 5, 1, 2, 3, 4, 5, 0] }, 'reset 9'],
    ['MP_UNREACH_NLRI with a prefix of 129 bits', { more: [0x80, 15, 4, 0, 2, 1, 129] }, 'reset 9'],
    ['MP_UNREACH_NLRI twice', { more: [0x80, 15, 3, 0, 2, 1, 0x80, 15, 3, 0, 2, 1] }, 'reset 1'],
    ['MP_REACH_NLRI of a family unknown', { more: [0x80, 14, 5, 0, 25, 65, 0, 0] }, 'announced'],
  ])('%s: %s', (_name, changed, expected) => {
    expect(outcome(decode(changed))).toBe(expected);
  });

  it('drops from an external peer what belongs inside an AS', () => {
    const result = decode({ more: [0x40, 5, 4, 0, 0, 0, 9, 0x80, 9, 4, 1, 1, 1, 1, 0x80, 10, 4, 2, 2, 2, 2] }, true);
    if (result.kind === 'reset') throw new Error(result.reason);
    expect(result.problems.map(({ action }) => action)).toEqual(['discard', 'discard', 'discard']);
    expect(result.announced[0]!.attributes).toEqual({
      origin: 'IGP',
      asPath: [{ kind: 'sequence', asns: [65000] }],
      nextHop: '10.0.0.1',
    });
  });

  it('resets when a malformed attribute comes without any reachable prefix (5.2)', () => {
    const body = Uint8Array.of(0, 0, 0, 4, 0x40, 1, 1, 9);
    expect(outcome(decodeUpdate(body, 0, body.length, context))).toBe('reset 1');
  });

  it('reads the prefixes of both families of one UPDATE', () => {
    const nextHop = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    const result = decode({ more: [0x80, 14, 26, 0, 2, 1, 16, ...nextHop, 0, 32, 0x20, 1, 0xd, 0xb8] });
    if (result.kind === 'reset') throw new Error(result.reason);
    expect(
      result.announced.map(({ block, attributes }) => [nlriToArray(block)[0]!.prefix, attributes.nextHop]),
    ).toEqual([
      ['192.0.2.0/24', '10.0.0.1'],
      [parseCidr('2001:db8::/32'), '2001:db8::1'],
    ]);
  });
});
