import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HttpResponseReader } from './http-response.ts';

/** The answers in a text that comes in pieces of the given lengths, then the rest. */
function read(text: string, lengths: readonly number[] = []): readonly { status: number; body: string }[] {
  const reader = new HttpResponseReader();
  let rest = Buffer.from(text);
  return [...lengths, rest.length].flatMap((length) => {
    const piece = rest.subarray(0, length);
    rest = rest.subarray(length);
    return reader.push(piece).map(({ status, body }) => ({ status, body: body.toString() }));
  });
}

const withLength = (body: string, status = 200): string =>
  `HTTP/1.1 ${status} OK\r\nServer: x\r\ncontent-LENGTH:  ${Buffer.byteLength(body)}\r\n\r\n${body}`;

const chunked = (...chunks: readonly string[]): string =>
  [
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
    ...chunks.map((chunk) => `${Buffer.byteLength(chunk).toString(16)};x=y\r\n${chunk}\r\n`),
    '0\r\nTrailer: z\r\n\r\n',
  ].join('');

describe('an HTTP/1.1 answer', () => {
  it('is read with a length, in chunks, and empty', () => {
    expect(read(withLength('{"a":1}'))).toEqual([{ status: 200, body: '{"a":1}' }]);
    expect(read(withLength('', 503))).toEqual([{ status: 503, body: '' }]);
    expect(read(chunked('ab', 'c\r\nd', 'é'))).toEqual([{ status: 200, body: 'abc\r\ndé' }]);
    expect(read(chunked())).toEqual([{ status: 200, body: '' }]);
  });

  it('is the same however its bytes are cut, and several come in order', () => {
    const text = withLength('one') + chunked('two', 'three') + withLength('', 404) + withLength('four');
    const whole = read(text);
    expect(whole.map(({ body }) => body)).toEqual(['one', 'twothree', '', 'four']);
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 30 })), (lengths) => {
        expect(read(text, lengths)).toEqual(whole);
      }),
    );
  });

  it('waits for what is missing', () => {
    expect(read(withLength('four').slice(0, -1))).toEqual([]);
    expect(read(chunked('four').slice(0, -1))).toEqual([]);
  });

  it.each([
    ['another protocol', 'SSH-2.0-OpenSSH\r\n\r\n'],
    ['another version', 'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n'],
    ['an interim answer', 'HTTP/1.1 100 Continue\r\n\r\n'],
    ['no length', 'HTTP/1.1 200 OK\r\n\r\n'],
    ['a length that is none', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'],
    ['a chunk without size', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n'],
    ['a chunk longer than it says', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n'],
    ['a head without end', 'x'.repeat(70_000)],
  ])('is refused for %s', (_, text) => {
    expect(() => read(text)).toThrow();
  });

  it('never crashes on other bytes, nor hangs', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 })), fc.boolean(), (pieces, hasStart) => {
        const reader = new HttpResponseReader();
        try {
          if (hasStart) reader.push(Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'));
          for (const piece of pieces) reader.push(Buffer.from(piece));
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
    );
  });
});
