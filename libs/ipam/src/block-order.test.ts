import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCidr } from '@calico-node/net';
import { blockCount, blocksInOrder, fnv1 } from './block-order.ts';

describe('fnv1', () => {
  it.each([
    ['node1', 3957252814],
    ['node-1', 568266919],
    ['kube-master', 190192801],
    ['kube-node-1', 4080633361],
    ['host-a', 1258779341],
  ])('is what Calico seeds its walk with for %s', (name, seed) => {
    expect(fnv1(name)).toBe(seed);
  });
});

describe('blocksInOrder', () => {
  it('gives every block of the pool once, whatever the host', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 16, max: 26 }), (host, prefixLength) => {
        const pool = parseCidr(`10.0.0.0/${prefixLength}`);
        const blocks = [...blocksInOrder(pool, 26, host)];
        expect(blocks).toHaveLength(Number(blockCount(pool, 26)));
        expect(new Set(blocks).size).toBe(blocks.length);
      }),
      { numRuns: 30 },
    );
  });

  it('starts hosts of similar names far apart, and each always at the same place', () => {
    const pool = parseCidr('10.0.0.0/16');
    const start = (host: string): string => blocksInOrder(pool, 26, host).next().value as string;
    const starts = new Set(Array.from({ length: 50 }, (_, index) => start(`node${index}`)));
    expect(starts.size).toBeGreaterThan(45);
    expect(start('node1')).toBe(start('node1'));
  });

  it('does not walk a huge pool to begin', () => {
    const [first] = blocksInOrder(parseCidr('fd00::/48'), 122, 'node1').take(1);
    expect(first).toMatch(/^fd00::.*\/122$|^fd00:.*\/122$/);
  });

  it('gives nothing when a block is larger than the pool', () => {
    expect([...blocksInOrder(parseCidr('10.0.0.0/28'), 26, 'n')]).toEqual([]);
  });
});
