import { expect, test } from 'vitest';
import { xxh3 } from './xxh3.ts';

/** Of `xxhsum -H3` (xxHash 0.8.1), for the lengths at which the algorithm changes. */
const known = {
  0: '2d06800538d394c2',
  1: 'e12ef9d2eb86ceeb',
  2: '33b0814d4f061d86',
  3: 'a9088dda485b481c',
  4: '57648c318a7a307e',
  8: 'b0fb3e3c3f94990a',
  9: '8aca5cb309437c2e',
  16: '2bd926d88792965a',
  17: '621f018aad19b14a',
  32: '8911535e799e4d99',
  33: 'b6d8b523db9b284c',
  64: '1b1bf114c7371f1b',
  65: 'f0037f8ac0441cc4',
  96: 'cfb21e0d09d8ef29',
  97: 'e1415ca7902a74da',
  128: 'e9549af9a74093e6',
  129: 'b54ad1cd8a4c84b9',
  144: '3f50ca07e0dcde52',
  240: '3e136902ec966624',
  241: 'bd7d29b6ba966d6a',
  258: 'ad2f5c228fba0e06',
  512: 'f6fe51471f2fa1ec',
  1023: '0805f138405a64a4',
  1024: 'dc5acf0b043c445b',
};

test.each(Object.entries(known))('%s bytes have the hash of the reference implementation', (length, hash) => {
  const bytes = Uint8Array.from({ length: Number(length) }, (_, index) => index * 7 + Number(length));
  expect(xxh3(bytes).toString(16).padStart(16, '0')).toBe(hash);
});

test('longer inputs than any name are refused', () => {
  expect(() => xxh3(new Uint8Array(1025))).toThrow(RangeError);
});
