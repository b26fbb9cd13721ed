import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyBytes, prefixEnd } from './range.ts';

describe('prefixEnd', () => {
  it('bounds exactly the keys with the prefix', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string(), (prefix, other) => {
        const start = keyBytes(prefix);
        const end = prefixEnd(prefix);
        for (const key of [keyBytes(other), keyBytes(prefix + other)]) {
          const inRange = key.compare(start) >= 0 && key.compare(end) < 0;
          expect(inRange).toBe(key.subarray(0, start.length).equals(start));
        }
      }),
    );
  });

  it('is the end of all keys for no prefix', () => {
    expect(prefixEnd('')).toEqual(Buffer.of(0));
  });
});
