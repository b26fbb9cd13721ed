import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeRequest, parseRequest, type Call } from './frame.ts';

const text = fc.string({ unit: 'grapheme' }).map((value) => value.replaceAll('\0', ''));
const call: fc.Arbitrary<Call> = fc.record({
  program: fc.constantFrom('calico', 'calico-ipam'),
  variables: fc.dictionary(fc.stringMatching(/^CNI_[A-Z]{1,8}$/), text).map((variables) => ({ ...variables })),
  stdin: fc.string({ unit: 'grapheme' }),
});

describe('a request', () => {
  test('is read back as it was sent', () => {
    fc.assert(
      fc.property(call, (sent) => {
        expect(parseRequest(encodeRequest(sent))).toEqual({ state: 'complete', call: sent });
      }),
    );
  });

  test('is waited for while bytes are missing', () => {
    fc.assert(
      fc.property(call, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (sent, share) => {
        const bytes = encodeRequest(sent);
        expect(parseRequest(bytes.subarray(0, Math.floor(bytes.length * share))).state).toBe('incomplete');
      }),
    );
  });

  test('that breaks a rule is refused', () => {
    const good = encodeRequest({ program: 'calico', variables: {}, stdin: '{}' });
    expect(parseRequest(Buffer.from('GET / HTTP/1.1')).state).toBe('malformed');
    expect(parseRequest(Buffer.concat([good, Buffer.from('x')])).state).toBe('malformed');
    const huge = Buffer.from(good);
    huge.writeUInt32BE(1 << 21, 4);
    expect(parseRequest(huge)).toMatchObject({ state: 'malformed' });
    const other = Buffer.from(good.toString('latin1').replace('calico', 'balico'), 'latin1');
    expect(parseRequest(other)).toMatchObject({ state: 'malformed', reason: "unknown program 'balico'" });
  });

  test('of arbitrary bytes is never more than refused', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const framed = Buffer.concat([Buffer.from('CCN1'), Buffer.from([0, 0, 0, bytes.length]), bytes]);
        expect(['malformed', 'complete']).toContain(parseRequest(framed).state);
      }),
    );
  });
});
