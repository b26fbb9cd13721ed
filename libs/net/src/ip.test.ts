import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, it } from 'vitest';
import {
  addToIp,
  compareIp,
  familyOf,
  ipFromBigInt,
  ipFromBytes,
  ipToBigInt,
  ipToBytes,
  parseIp,
  tryParseIp,
} from './ip.ts';
import { NetParseError } from './net-parse-error.ts';

const addressBytes = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
  // Runs of zeros, so that the "::" rules are met.
  fc.array(fc.constantFrom(0, 0, 1, 0xff), { minLength: 16, maxLength: 16 }).map((bytes) => Uint8Array.from(bytes)),
);

describe('parseIp', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['255.255.255.255', '255.255.255.255'],
    ['FD00:0:0::1', 'fd00::1'],
    ['::', '::'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:0:0:2:3:0:0:4', '1::2:3:0:0:4'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
    ['::ffff:c000:201', '::ffff:192.0.2.1'],
  ])('makes %s canonical', (text, canonical) => {
    expect(parseIp(text)).toBe(canonical);
  });

  it.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.4 ',
    '1..3.4',
    '.1.2.3',
    '1.2.3.',
    '+1.2.3.4',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4::5:6:7:8',
    '12345::',
    'g::',
    'fe80::1%eth0',
    '1.2.3.4::',
    '::1.2.3',
    '10.0.0.0/8',
  ])('refuses %j', (text) => {
    expect(tryParseIp(text)).toBeUndefined();
    expect(() => parseIp(text)).toThrow(NetParseError);
  });

  it('agrees with ipaddr.js on every address', () => {
    fc.assert(
      fc.property(addressBytes, (bytes) => {
        const ip = ipFromBytes(bytes);
        const oracle = ipaddr.fromByteArray([...bytes]);
        expect(ipaddr.parse(ip).toByteArray()).toEqual(oracle.toByteArray());
        expect(parseIp(oracle.toString())).toBe(ip);
        expect(parseIp(oracle.toNormalizedString().toUpperCase())).toBe(ip);
        if (!ip.startsWith('::ffff:') && oracle instanceof ipaddr.IPv6) expect(ip).toBe(oracle.toRFC5952String());
      }),
    );
  });

  it('never throws anything but its own error, and only returns what it parses again', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-f:.\/%]*$/)), (text) => {
        const ip = tryParseIp(text);
        if (ip !== undefined) expect(parseIp(ip)).toBe(ip);
      }),
    );
  });
});

describe('conversions', () => {
  it('round-trip through bytes and through numbers', () => {
    fc.assert(
      fc.property(addressBytes, (bytes) => {
        const ip = ipFromBytes(bytes);
        expect(ipToBytes(ip)).toEqual(bytes);
        expect(ipFromBigInt(ipToBigInt(ip), familyOf(ip))).toBe(ip);
      }),
    );
  });

  it('order as bytes do', () => {
    fc.assert(
      fc.property(addressBytes, addressBytes, (a, b) => {
        const expected = a.length - b.length || Buffer.compare(a, b);
        expect(Math.sign(compareIp(ipFromBytes(a), ipFromBytes(b)))).toBe(Math.sign(expected));
      }),
    );
  });

  it('refuse a wrong number of bytes', () => {
    expect(() => ipFromBytes(new Uint8Array(5))).toThrow(NetParseError);
  });

  it('read bytes that start inside a larger buffer', () => {
    expect(ipFromBytes(Uint8Array.of(0, 0, 10, 0, 0, 1).subarray(2))).toBe('10.0.0.1');
  });
});

describe('addToIp', () => {
  it('carries across groups and octets', () => {
    expect(addToIp(parseIp('10.0.0.255'), 1)).toBe('10.0.1.0');
    expect(addToIp(parseIp('fd00::ffff'), 1n)).toBe('fd00::1:0');
    expect(addToIp(parseIp('10.0.1.0'), -1)).toBe('10.0.0.255');
  });

  it('refuses to leave the family', () => {
    expect(() => addToIp(parseIp('255.255.255.255'), 1)).toThrow(NetParseError);
    expect(() => addToIp(parseIp('::'), -1)).toThrow(NetParseError);
  });
});
