import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAsn } from './asn.ts';
import { macFromBytes, macToBytes, parseMac } from './mac.ts';
import { NetParseError } from './net-parse-error.ts';
import { parseNodeName } from './node-name.ts';

describe('parseMac', () => {
  it('makes every form canonical', () => {
    for (const text of ['EE:ee:EE:ee:01:02', 'ee-ee-ee-ee-01-02', 'eeee.eeee.0102']) {
      expect(parseMac(text)).toBe('ee:ee:ee:ee:01:02');
    }
  });

  it.each(['', 'ee:ee:ee:ee:ee', 'ee:ee:ee:ee:ee:eg', 'ee:ee-ee:ee:ee:ee', 'eeeeeeeeeeee'])('refuses %j', (text) => {
    expect(() => parseMac(text)).toThrow(NetParseError);
  });

  it('round-trips through bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (bytes) => {
        const mac = macFromBytes(bytes);
        expect(parseMac(mac)).toBe(mac);
        expect(macToBytes(mac)).toEqual(bytes);
      }),
    );
    expect(() => macFromBytes(new Uint8Array(5))).toThrow(NetParseError);
  });
});

describe('parseAsn', () => {
  it('takes numbers, asplain and asdot', () => {
    expect([64512, '64512', '1.10', '65535.65535', 0].map(parseAsn)).toEqual([64512, 64512, 65546, 4294967295, 0]);
  });

  it.each([-1, 1.5, 4294967296, NaN, '', 'x', '4294967296', '1.65536', '65536.1', '1.2.3', ' 1'])(
    'refuses %j',
    (input) => {
      expect(() => parseAsn(input)).toThrow(NetParseError);
    },
  );
});

describe('parseNodeName', () => {
  it('takes RFC 1123 subdomains', () => {
    expect(parseNodeName('node-1.example.com')).toBe('node-1.example.com');
  });

  it.each(['', 'Node', 'a..b', '-a', 'a-', 'a_b', 'a/b', 'a'.repeat(254), '-'.repeat(253)])('refuses %j', (text) => {
    expect(() => parseNodeName(text)).toThrow(NetParseError);
  });
});
