import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, it } from 'vitest';
import {
  cidrContains,
  cidrOf,
  cidrSize,
  cidrsOverlap,
  compareCidr,
  hostCidr,
  lastIp,
  parseCidr,
  parseCidrLoose,
  parseInterfaceAddress,
  splitCidr,
  tryParseCidr,
  tryParseCidrLoose,
} from './cidr.ts';
import { addToIp, ipFromBytes, parseIp } from './ip.ts';
import { NetParseError } from './net-parse-error.ts';

const cidrs = fc
  .oneof(
    fc.tuple(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.integer({ min: 0, max: 32 })),
    fc.tuple(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.integer({ min: 0, max: 128 })),
    // Few distinct bits, so that networks contain each other often.
    fc.tuple(
      fc.array(fc.constantFrom(0, 128), { minLength: 4, maxLength: 4 }).map((bytes) => Uint8Array.from(bytes)),
      fc.integer({ min: 0, max: 32 }),
    ),
  )
  .map(([bytes, length]) => cidrOf(ipFromBytes(bytes), length));

describe('parseCidr', () => {
  it('keeps canonical networks and canonicalises spelling', () => {
    expect(parseCidr('10.0.0.0/8')).toBe('10.0.0.0/8');
    expect(parseCidr('0.0.0.0/0')).toBe('0.0.0.0/0');
    expect(parseCidr('FD00:0:0::/48')).toBe('fd00::/48');
  });

  it.each([
    ['10.0.0.1/8', 'host-bits-set'],
    ['10.0.0.0', 'missing-prefix-length'],
    ['10.0.0.0/33', 'invalid-prefix-length'],
    ['fd00::/129', 'invalid-prefix-length'],
    ['10.0.0.0/08', 'invalid-prefix-length'],
    ['10.0.0.0/', 'invalid-prefix-length'],
    ['10.0.0.0/8/8', 'invalid-prefix-length'],
    ['10.0.0/8', 'invalid-cidr'],
  ])('refuses %s as %s', (text, code) => {
    expect(() => parseCidr(text)).toThrow(
      expect.objectContaining({ name: 'NetParseError', code, input: text }) as Error,
    );
    expect(tryParseCidr(text)).toBeUndefined();
  });
});

describe('parseCidrLoose', () => {
  it('masks host bits and takes bare addresses', () => {
    expect(parseCidrLoose('10.1.2.3/8')).toBe('10.0.0.0/8');
    expect(parseCidrLoose('10.1.2.3')).toBe('10.1.2.3/32');
    expect([tryParseCidrLoose('10.1.2.3/8'), tryParseCidrLoose('10.1.2.3/33')]).toEqual(['10.0.0.0/8', undefined]);
    expect(parseCidrLoose('fd00::1')).toBe('fd00::1/128');
    expect(() => parseCidrLoose('10.1.2')).toThrow(NetParseError);
  });
});

describe('parseInterfaceAddress', () => {
  it('keeps the address and its subnet', () => {
    expect(parseInterfaceAddress('10.0.0.5/24')).toEqual({ ip: '10.0.0.5', cidr: '10.0.0.0/24', prefixLength: 24 });
  });
});

describe('CIDR laws', () => {
  it('agrees with ipaddr.js on containment', () => {
    fc.assert(
      fc.property(cidrs, cidrs, (outer, inner) => {
        const [outerIp, outerLength] = ipaddr.parseCIDR(outer);
        const [innerIp, innerLength] = ipaddr.parseCIDR(inner);
        const expected =
          outerIp.kind() === innerIp.kind() &&
          outerLength <= innerLength &&
          (innerIp as ipaddr.IPv4).match(outerIp, outerLength);
        expect(cidrContains(outer, inner)).toBe(expected);
        expect(cidrContains(outer, splitCidr(inner).ip) && outerLength <= innerLength).toBe(expected);
      }),
    );
  });

  it('holds exactly the addresses from its first to its last', () => {
    fc.assert(
      fc.property(cidrs, (cidr) => {
        const { ip, family } = splitCidr(cidr);
        expect(cidrContains(cidr, ip)).toBe(true);
        expect(cidrContains(cidr, lastIp(cidr))).toBe(true);
        expect(addToIp(ip, cidrSize(cidr) - 1n)).toBe(lastIp(cidr));
        if (lastIp(cidr) !== lastIp(cidrOf(ip, 0))) expect(cidrContains(cidr, addToIp(lastIp(cidr), 1))).toBe(false);
        expect(parseCidr(cidr)).toBe(cidr);
        expect(cidrContains(cidrOf(ip, 0), cidr)).toBe(true);
        expect(cidrContains(family === 4 ? parseCidr('::/0') : parseCidr('0.0.0.0/0'), cidr)).toBe(false);
      }),
    );
  });

  it('overlaps exactly when one contains the other, and compares as a total order', () => {
    fc.assert(
      fc.property(cidrs, cidrs, (a, b) => {
        expect(cidrsOverlap(a, b)).toBe(cidrsOverlap(b, a));
        expect(Math.sign(compareCidr(a, b))).toBe(-Math.sign(compareCidr(b, a)) + 0);
        expect(compareCidr(a, b) === 0).toBe(a === b);
        if (a !== b && cidrContains(a, b)) expect(compareCidr(a, b)).toBeLessThan(0);
      }),
    );
  });

  it('refuses impossible lengths', () => {
    expect(() => cidrOf(parseIp('10.0.0.1'), 33)).toThrow(NetParseError);
    expect(() => cidrOf(parseIp('10.0.0.1'), -1)).toThrow(NetParseError);
    expect(hostCidr(parseIp('fd00::1'))).toBe('fd00::1/128');
  });
});
