import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cidrContains, parseCidr, type Cidr } from '@calico-node/net';
import { blockCount, BlockWalk, fnv1 } from './block-order.ts';

let time = 0n;
const clock = { nanoseconds: (): bigint => (time += 1_000_003n) };

function walk(cidr: string, blockSize: number, host: string): BlockWalk {
  return new BlockWalk({ cidr: parseCidr(cidr), blockSize }, host, clock);
}

function first(walked: BlockWalk): Cidr {
  return walked.blocks().next().value as Cidr;
}

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

describe('BlockWalk', () => {
  it.each([
    ['node1', '10.0.166.128/26', '10.0.0.128/26'],
    ['node-1', '10.0.84.128/26', '10.0.0.128/26'],
    ['kube-master', '10.0.221.192/26', '10.0.0.128/26'],
    ['kube-node-1', '10.0.135.128/26', '10.0.0.64/26'],
    ['host-a', '10.0.54.0/26', '10.0.0.0/26'],
  ])('starts where real Calico does on %s', (host, ofMany, ofFour) => {
    expect(first(walk('10.0.0.0/16', 26, host))).toBe(ofMany);
    expect(first(walk('10.0.0.0/24', 26, host))).toBe(ofFour);
  });

  it('gives every block of the pool once, whatever the host', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 16, max: 26 }), (host, prefixLength) => {
        const pool = { cidr: parseCidr(`10.0.0.0/${prefixLength}`), blockSize: 26 };
        const blocks = [...new BlockWalk(pool, host, clock).blocks()];
        expect(blocks).toHaveLength(Number(blockCount(pool)));
        expect(new Set(blocks).size).toBe(blocks.length);
      }),
      { numRuns: 30 },
    );
  });

  it('leaves a network out without walking it, and nothing else', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.integer({ min: 0, max: 63 }),
        fc.integer({ min: 20, max: 26 }),
        (host, at, length) => {
          const left = parseCidr(`10.0.${Math.floor(at / 4) & (0xff << (24 - Math.min(24, length)))}.0/${length}`);
          const walked = walk('10.0.0.0/20', 26, host);
          const asked: Cidr[] = [];
          const leaveOut = (block: Cidr): Cidr | undefined => {
            asked.push(block);
            return cidrContains(left, block) ? left : undefined;
          };
          const expected = [...walked.blocks()].filter((block) => !cidrContains(left, block));
          expect([...walked.blocks(leaveOut)]).toEqual(expected);
          expect(asked.length).toBeLessThanOrEqual(expected.length + 2);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('does not walk a huge pool to begin, nor to pass a huge network', () => {
    const half = parseCidr('fd00::/49');
    const leaveOut = (block: Cidr): Cidr | undefined => (cidrContains(half, block) ? half : undefined);
    for (const host of ['node1', 'node2', 'node3', 'node4']) {
      const walked = walk('fd00::/48', 122, host);
      expect(first(walked)).toMatch(/^fd00:.*\/122$/);
      expect(cidrContains(half, walked.blocks(leaveOut).next().value as Cidr)).toBe(false);
    }
    expect([...walk('fd00::/48', 122, 'node1').blocks(() => parseCidr('fd00::/48'))]).toEqual([]);
  });

  it('starts anywhere where blocks are single addresses', () => {
    const starts = new Set(Array.from({ length: 20 }, () => first(walk('10.0.0.0/16', 32, 'node1'))));
    expect(starts.size).toBeGreaterThan(10);
  });

  it('gives nothing when a block is larger than the pool', () => {
    expect([...walk('10.0.0.0/28', 26, 'n').blocks()]).toEqual([]);
  });

  it('orders blocks that there are as it would meet them, without those of other pools', () => {
    const walked = walk('10.0.0.0/22', 26, 'node1');
    const all = [...walked.blocks()];
    const others = ['10.1.0.0/26', '9.255.255.192/26', '10.0.0.0/27', 'fd00::/122'].map((text) => parseCidr(text));
    expect(walked.inOrder([...others, ...all.toSorted()])).toEqual(all);
  });
});
