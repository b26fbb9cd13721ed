import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseWireguardKey, wireguardKeyFromBytes, wireguardKeyToBytes } from './wireguard-key.ts';

test('reads back the bytes that it wrote', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
      fc.pre(bytes.some((byte) => byte !== 0));
      const key = wireguardKeyFromBytes(bytes);
      expect(key).toBe(Buffer.from(bytes).toString('base64'));
      expect(parseWireguardKey(key)).toBe(key);
      expect([...wireguardKeyToBytes(key)]).toEqual([...bytes]);
    }),
  );
});

test.each([
  '',
  'short=',
  'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dh=',
  'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg',
  'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=',
])('refuses %j', (text) => {
  expect(() => parseWireguardKey(text)).toThrow('is not a WireGuard key');
});

test('refuses bytes that are too few, too many or zeros', () => {
  for (const length of [0, 31, 33]) expect(() => wireguardKeyFromBytes(new Uint8Array(length).fill(1))).toThrow();
  expect(() => wireguardKeyFromBytes(new Uint8Array(32))).toThrow();
});
