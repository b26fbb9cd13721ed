/** Every case of RFC 7606 that the attributes and families spoken here can meet, by its sections. */
import { parseCidr } from '@calico-node/net';
import { describe, expect, it } from 'vitest';
import { nlriToArray } from './nlri.ts';
import type { UpdateContext } from './update-context.ts';
import { decodeUpdate } from './update.ts';

const context: UpdateContext = { as4: true, external: false, families: [4, 6], addPath: [] };

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
    // 3 c: flags that conflict with the type, by the attribute
    ['AS_PATH marked optional', { asPath: [0xc0, 2, 6, 2, 1, 0, 0, 0xfd, 0xe8] }, 'withdrawn'],
    ['NEXT_HOP not transitive', { nextHop: [0, 3, 4, 10, 0, 0, 1] }, 'withdrawn'],
    ['MED marked transitive', { more: [0xc0, 4, 4, 0, 0, 0, 1] }, 'withdrawn'],
    ['LOCAL_PREF marked optional', { more: [0xc0, 5, 4, 0, 0, 0, 1] }, 'withdrawn'],
    ['COMMUNITIES not transitive', { more: [0x80, 8, 4, 0, 0, 0, 1] }, 'withdrawn'],
    ['ORIGINATOR_ID marked transitive', { more: [0xc0, 9, 4, 1, 1, 1, 1] }, 'withdrawn'],
    ['CLUSTER_LIST marked transitive', { more: [0xc0, 10, 4, 1, 1, 1, 1] }, 'withdrawn'],
    ['extended communities not transitive', { more: [0x80, 16, 8, 0, 0, 0, 0, 0, 0, 0, 0] }, 'withdrawn'],
    ['large communities not transitive', { more: [0x80, 32, 12, ...new Array<number>(12).fill(0)] }, 'withdrawn'],
    // 3 f: what does no harm is dropped instead
    ['ATOMIC_AGGREGATE marked optional', { more: [0xc0, 6, 0] }, 'announced'],
    ['AGGREGATOR marked well-known', { more: [0x40, 7, 8, 0, 0, 0, 1, 1, 1, 1, 1] }, 'announced'],
    // 3 h: of several errors, the gravest counts
    [
      'an ORIGIN of 9 and an ATOMIC_AGGREGATE with a value',
      { origin: [0x40, 1, 1, 9], more: [0x40, 6, 1, 0] },
      'withdrawn',
    ],
    ['an ORIGIN of 9 and an unknown well-known attribute', { origin: [0x40, 1, 1, 9], more: [0x40, 99, 0] }, 'reset 2'],
    // 4: the length fields
    ['an empty ORIGIN', { origin: [0x40, 1, 0] }, 'withdrawn'],
    ['an empty NEXT_HOP', { nextHop: [0x40, 3, 0] }, 'withdrawn'],
    ['an empty MED', { more: [0x80, 4, 0] }, 'withdrawn'],
    ['an empty CLUSTER_LIST', { more: [0x80, 10, 0] }, 'withdrawn'],
    ['an empty ORIGINATOR_ID', { more: [0x80, 9, 0] }, 'withdrawn'],
    ['empty extended communities', { more: [0xc0, 16, 0] }, 'withdrawn'],
    ['empty large communities', { more: [0xc0, 32, 0] }, 'withdrawn'],
    ['an empty AS_PATH', { asPath: [0x40, 2, 0] }, 'announced'],
    ['a list that ends in a long header', { more: [0x50, 5, 0] }, 'withdrawn'],
    ['an MP attribute that overruns', { more: [0x80, 14, 200, 0, 2, 1] }, 'reset 9'],
    // 7.2: a confederation is not ours to be in (RFC 5065 5)
    ['a confederation segment', { asPath: [0x40, 2, 6, 3, 1, 0, 0, 0, 1] }, 'withdrawn'],
    ['an AS_PATH with an octet too many', { asPath: [0x40, 2, 7, 2, 1, 0, 0, 0, 1, 2] }, 'withdrawn'],
    // 7.3 and RFC 4271 6.3
    ['a loopback NEXT_HOP', { nextHop: [0x40, 3, 4, 127, 0, 0, 1] }, 'withdrawn'],
    // 7.15
    ['IPv6 extended communities of 19 octets', { more: [0xc0, 25, 19, ...new Array<number>(19).fill(0)] }, 'withdrawn'],
    ['empty IPv6 extended communities', { more: [0xc0, 25, 0] }, 'withdrawn'],
    ['IPv6 extended communities', { more: [0xc0, 25, 20, ...new Array<number>(20).fill(0)] }, 'announced'],
    // RFC 9234 5
    ['ONLY_TO_CUSTOMER of three octets', { more: [0xc0, 35, 3, 0, 0, 1] }, 'withdrawn'],
    // RFC 7607 2
    ['AS 0 in the AGGREGATOR', { more: [0xc0, 7, 8, 0, 0, 0, 0, 1, 1, 1, 1] }, 'announced'],
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

  it('takes large communities that are there twice once (RFC 8092 5)', () => {
    const one = [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
    const result = decode({ more: [0xc0, 32, 36, ...one, ...one.with(11, 4), ...one] });
    if (result.kind === 'reset') throw new Error(result.reason);
    expect(result.problems).toEqual([]);
    expect(result.announced[0]!.attributes.largeCommunities).toEqual([
      [1, 2, 3],
      [1, 2, 4],
    ]);
  });

  it('takes the first of two alike attributes (3 g)', () => {
    const result = decode({ more: [0x40, 1, 1, 2, 0x80, 4, 4, 0, 0, 0, 5, 0x80, 4, 4, 0, 0, 0, 6] });
    if (result.kind === 'reset') throw new Error(result.reason);
    expect(result.announced[0]!.attributes).toMatchObject({ origin: 'IGP', med: 5 });
    expect(result.problems.map(({ action }) => action)).toEqual(['discard', 'discard']);
  });

  it.each<readonly [string, readonly number[]]>([
    ['withdrawn prefix of 33 bits (3 i)', [0, 2, 33, 1, 0, 0]],
    ['withdrawn prefix that overruns (3 i)', [0, 2, 24, 1, 0, 0]],
    ['announced prefix of 33 bits (3 j, 5.3)', [0, 0, 0, 0, 33, 1, 2, 3, 4, 5]],
    ['announced prefix that overruns (3 j, 5.3)', [0, 0, 0, 0, 24, 1]],
  ])('resets for a %s', (_name, octets) => {
    const body = Uint8Array.from(octets);
    expect(outcome(decodeUpdate(body, 0, body.length, context))).toBe('reset 10');
  });

  it('treats the prefixes of both families as withdrawn when an attribute they share is malformed', () => {
    const nextHop = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    const result = decode({
      origin: [0x40, 1, 1, 9],
      more: [0x80, 14, 26, 0, 2, 1, 16, ...nextHop, 0, 32, 0x20, 1, 0xd, 0xb8],
    });
    if (result.kind === 'reset') throw new Error(result.reason);
    expect(result.announced).toEqual([]);
    expect(result.withdrawn.flatMap(nlriToArray).map(({ prefix }) => prefix)).toEqual([
      '192.0.2.0/24',
      '2001:db8::/32',
    ]);
  });

  it('goes on without a word after what it only drops', () => {
    const result = decode({ more: [0x40, 6, 1, 0] });
    expect(result).toMatchObject({ kind: 'update', problems: [{ code: 6, action: 'discard' }] });
    if (result.kind === 'update') expect(result.announced[0]!.attributes.atomicAggregate).toBeUndefined();
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

  it.each<readonly [string, readonly number[]]>([
    ['IPv4 multicast', [0, 1, 2, 4, 10, 0, 0, 9, 0, 24, 198, 51, 100]],
    ['labelled IPv4', [0, 1, 4, 4, 10, 0, 0, 9, 0, 48, 0, 1, 1, 198, 51, 100]],
    ['VPNv4', [0, 1, 128, 12, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 9, 0, 112, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1, 10, 1, 1]],
    ['EVPN', [0, 25, 70, 4, 10, 0, 0, 9, 0, 3, 17, 0, 0, 0]],
    ['FlowSpec', [0, 1, 133, 0, 0, 6, 1, 24, 192, 0, 2, 3]],
    ['BGP-LS', [0x40, 4, 71, 4, 10, 0, 0, 9, 0, 0, 1, 0, 0]],
    ['a family that nobody has heard of', [0xff, 0xff, 255, 0, 0, 1, 2, 3]],
  ])('passes over %s, and takes the unicast routes beside it', (_name, reach) => {
    const unreach = [...reach.slice(0, 3), 1, 2, 3];
    const more = [0x80, 14, reach.length, ...reach, 0x80, 15, unreach.length, ...unreach];
    const result = decode({ more });
    if (result.kind === 'reset') throw new Error(result.reason);
    expect(result.problems).toEqual([]);
    expect(result.announced.map(({ block }) => nlriToArray(block))).toEqual([[{ prefix: '192.0.2.0/24' }]]);
    expect([result.withdrawn, result.endOfRib]).toEqual([[], undefined]);
  });
});
