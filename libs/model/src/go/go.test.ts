import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatGoDuration, parseGoDuration } from './go-duration.ts';
import { goJsonStringify, parseLosslessJson } from './go-json.ts';
import { formatTime, normaliseTime } from './go-time.ts';

describe('goJsonStringify', () => {
  it('escapes what Go escapes', () => {
    expect(goJsonStringify('a && b < c > "d"\u2028\u2029\u0001\n\u00e9\ud800')).toBe(
      '"a \\u0026\\u0026 b \\u003c c \\u003e \\"d\\"\\u2028\\u2029\\u0001\\n\u00e9\ufffd"',
    );
  });

  it('prints numbers as Go does', () => {
    expect(goJsonStringify([1000, 0.5, 1e6, 1e20, 1e21, 1e-6, 1e-7, -0, 18446744073709551615n])).toBe(
      '[1000,0.5,1000000,100000000000000000000,1e+21,0.000001,1e-7,-0,18446744073709551615]',
    );
    expect(() => goJsonStringify(NaN)).toThrow(RangeError);
  });

  it('leaves out undefined members and keeps the order', () => {
    expect(goJsonStringify({ b: 1, a: undefined, c: null, d: [true, {}] })).toBe('{"b":1,"c":null,"d":[true,{}]}');
  });

  it('is read back by JSON.parse', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(goJsonStringify(value))).toEqual(value);
      }),
    );
  });
});

describe('parseLosslessJson', () => {
  it('keeps integers beyond 2^53 exact', () => {
    expect(parseLosslessJson('{"a":1718000000000000001,"b":9007199254740991,"c":1.5,"d":1e30}')).toEqual({
      a: 1718000000000000001n,
      b: 9007199254740991,
      c: 1.5,
      d: 1e30,
    });
  });
});

describe('Go durations', () => {
  it.each([
    ['90s', '1m30s'],
    ['1h', '1h0m0s'],
    ['1.5h', '1h30m0s'],
    ['0', '0s'],
    ['0s', '0s'],
    ['1500ms', '1.5s'],
    ['100us', '100\u00b5s'],
    ['1500\u03bcs', '1.5ms'],
    ['7ns', '7ns'],
    ['-1m', '-1m0s'],
    ['+.5s', '500ms'],
    ['24h1m1.000000001s', '24h1m1.000000001s'],
  ])('%s is printed as %s', (text, printed) => {
    expect(formatGoDuration(parseGoDuration(text)!)).toBe(printed);
  });

  it.each(['', '90', 's', '.s', '1 s', '1d', '1s1', '--1s', '10000000h'])('refuses %j', (text) => {
    expect(parseGoDuration(text)).toBeUndefined();
  });

  it('round-trip', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }), (nanoseconds) => {
        expect(parseGoDuration(formatGoDuration(nanoseconds))).toBe(nanoseconds);
      }),
    );
  });
});

describe('times', () => {
  it('are UTC with whole seconds', () => {
    expect(normaliseTime('2026-01-02T05:04:05.999+02:00')).toBe('2026-01-02T03:04:05Z');
    expect(formatTime(0)).toBe('1970-01-01T00:00:00Z');
  });

  it.each(['', 'today', '2026-01-02', '2026-13-02T03:04:05Z', '2026-01-02 03:04:05Z'])('refuses %j', (text) => {
    expect(normaliseTime(text)).toBeUndefined();
  });
});
