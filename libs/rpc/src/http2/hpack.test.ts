import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeHeaders, HpackDecoder } from './hpack.ts';
import { decodeHuffman } from './huffman.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('header blocks', () => {
  test('are read with Huffman codes and a table that fills up, as in RFC 7541 appendix C.4', () => {
    const decoder = new HpackDecoder();
    const common = [
      [':method', 'GET'],
      [':scheme', 'http'],
      [':path', '/'],
      [':authority', 'www.example.com'],
    ];
    expect([...decoder.decode(hex('8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff'))]).toEqual(common);
    const second = decoder.decode(hex('8286 84be 5886 a8eb 1064 9cbf'));
    expect([...second]).toEqual([...common, ['cache-control', 'no-cache']]);
    const third = decoder.decode(hex('8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf'));
    expect(third.get(':path')).toBe('/index.html');
    expect(third.get(':authority')).toBe('www.example.com');
    expect(third.get('custom-key')).toBe('custom-value');
  });

  test('lose their oldest entries when the table is full, as in RFC 7541 appendix C.5', () => {
    const decoder = new HpackDecoder();
    // The table is made 256 octets large.
    const first =
      '3fe101 4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 54' +
      '6e17 6874 7470 733a 2f2f 7777 772e 6578 616d 706c 652e 636f 6d';
    expect(decoder.decode(hex(first)).get(':status')).toBe('302');
    expect(decoder.decode(hex('4803 3330 37c1 c0bf')).get(':status')).toBe('307');
    const third =
      '88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d' +
      '4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31';
    expect([...decoder.decode(hex(third))]).toEqual([
      [':status', '200'],
      ['cache-control', 'private'],
      ['date', 'Mon, 21 Oct 2013 20:13:22 GMT'],
      ['location', 'https://www.example.com'],
      ['content-encoding', 'gzip'],
      ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'],
    ]);
  });

  test('are read as they were written', () => {
    const character = fc.integer({ min: 32, max: 126 }).map((code) => String.fromCharCode(code));
    const ascii = fc.string({ minLength: 1, maxLength: 300, unit: character });
    const fields = fc.uniqueArray(fc.tuple(ascii, ascii), { selector: ([name]) => name });
    fc.assert(
      fc.property(fields, (written) => {
        expect([...new HpackDecoder().decode(encodeHeaders(written))]).toEqual(written);
      }),
    );
  });

  test('of any bytes are read, or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          new HpackDecoder().decode(Buffer.from(bytes));
        } catch (error) {
          expect(String(error)).toMatch(/HPACK/);
        }
      }),
    );
  });

  test('are refused with bad padding, with an end inside, and when they are cut off', () => {
    expect(() => decodeHuffman(hex('ff'))).toThrow();
    expect(() => decodeHuffman(hex('fe'))).toThrow();
    expect(() => decodeHuffman(hex('ffffffff'))).toThrow();
    expect(() => new HpackDecoder().decode(hex('8286 8441 8cf1'))).toThrow();
    expect(() => new HpackDecoder().decode(hex('3fffffffff7f'))).toThrow();
  });
});
