import { cidrOf, ipFromBigInt, parseCidr } from '@calico-node/net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeSourceKeys, encodeSourceKeys, failsafeKeys, sourceKeyOf, sourceKeysOf } from './filter-keys.ts';

const cidr = fc
  .tuple(fc.bigInt({ min: 0n, max: 0xffff_ffffn }), fc.integer({ min: 0, max: 32 }))
  .map(([address, length]) => cidrOf(ipFromBigInt(address, 4), length));

test('networks have the same key when they are the same, and the kernel gives it back', () => {
  fc.assert(
    fc.property(fc.uniqueArray(cidr), (cidrs) => {
      const keys = sourceKeysOf(cidrs);
      expect(new Set(keys).size).toBe(cidrs.length);
      expect(decodeSourceKeys(encodeSourceKeys(keys))).toEqual(keys);
    }),
  );
});

test('the kernel has the length before the address', () => {
  expect([...encodeSourceKeys(sourceKeysOf([parseCidr('198.51.100.0/24')]))]).toEqual([24, 0, 0, 0, 198, 51, 100, 0]);
  expect(sourceKeyOf(parseCidr('2001:db8::/32'))).toBeUndefined();
});

test('failsafe ports are inbound destinations, and sources of what answers outbound ones', () => {
  const inbound = [{ protocol: 6, port: 22 }];
  const outbound = [{ protocol: 17, port: 0x0135, net: parseCidr('10.0.0.0/8') }];
  expect([...failsafeKeys({ inbound, outbound })]).toEqual([6, 0, 0, 22, 17, 1, 1, 0x35]);
});
