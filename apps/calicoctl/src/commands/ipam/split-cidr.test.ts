import { cidrContains, cidrOf, cidrSize, cidrsOverlap, ipFromBigInt, parseCidr } from '@calico-node/net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitNetwork, splitPoolName } from './split-cidr.ts';

describe('splitting a network', () => {
  it('gives equal parts in order', () => {
    expect(splitNetwork(parseCidr('10.0.0.0/8'), 2)).toEqual(['10.0.0.0/9', '10.128.0.0/9']);
    expect(splitNetwork(parseCidr('fd00::/64'), 4)).toEqual([
      'fd00::/66',
      'fd00::4000:0:0:0/66',
      'fd00::8000:0:0:0/66',
      'fd00::c000:0:0:0/66',
    ]);
    expect(splitNetwork(parseCidr('10.0.0.0/31'), 2)).toEqual(['10.0.0.0/32', '10.0.0.1/32']);
  });

  it.each([0, 1, 3, -2, 6, 2.5])('refuses %d parts', (parts) => {
    expect(() => splitNetwork(parseCidr('10.0.0.0/8'), parts)).toThrow(/not a valid power of 2/);
  });

  it('refuses more parts than there are addresses', () => {
    expect(() => splitNetwork(parseCidr('10.0.0.0/31'), 4)).toThrow(/not large enough/);
  });

  it('covers the network without overlap', () => {
    const inputs = [
      fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }),
      fc.integer({ min: 0, max: 32 }),
      fc.integer({ min: 1, max: 6 }),
    ] as const;
    fc.assert(
      fc.property(...inputs, (address, length, power) => {
        fc.pre(length + power <= 32);
        const cidr = cidrOf(ipFromBigInt(address, 4), length);
        const parts = splitNetwork(cidr, 2 ** power);
        expect(parts.reduce((sum, part) => sum + cidrSize(part), 0n)).toBe(cidrSize(cidr));
        expect(parts.every((part) => cidrContains(cidr, part))).toBe(true);
        expect(parts.slice(1).some((part, index) => cidrsOverlap(parts[index]!, part))).toBe(false);
      }),
    );
  });
});

it('names parts after the pool, as far as names may be long', () => {
  expect(splitPoolName('p', 3)).toBe('split-p-3');
  expect(splitPoolName('x'.repeat(253), 3)).toBe(`split-${'x'.repeat(245)}-3`);
});
