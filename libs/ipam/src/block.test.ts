import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBlock, encodeBlock, type AllocationBlock } from '@calico-node/model';
import { parseCidr, parseIp, type IpAddress } from '@calico-node/net';
import {
  addressesOfHandle,
  assignInBlock,
  autoAssignFrom,
  checkAffinity,
  collectReleased,
  isEmptyBlock,
  newBlock,
  releaseFrom,
} from './block.ts';

const none = (): boolean => false;
const atOnce = { seconds: 0, now: 0 };

function fresh(cidr = '10.0.1.0/29'): AllocationBlock {
  return newBlock(parseCidr(cidr), 'host:n1', '2026-01-02T03:04:05Z', 1718000000000000000n);
}

describe('the stored form', () => {
  it('is what Calico writes for a block just claimed', () => {
    expect(encodeBlock(fresh('10.0.1.0/30'))).toBe(
      '{"cidr":"10.0.1.0/30","affinity":"host:n1","affinity_claim_time":"2026-01-02T03:04:05Z",' +
        '"allocations":[null,null,null,null],"unallocated":[0,1,2,3],"attributes":null,' +
        '"sequenceNumber":1718000000000000000,"sequenceNumberForAllocation":{},"deleted":false}',
    );
  });

  it('is what Calico writes for a block with one address given', () => {
    const attributes = { namespace: 'default', node: 'n1', pod: 'p' };
    const { block } = autoAssignFrom(fresh('10.0.1.0/30'), 1, { handleId: 'net.abc', attributes }, none);
    expect(encodeBlock(block)).toBe(
      '{"cidr":"10.0.1.0/30","affinity":"host:n1","affinity_claim_time":"2026-01-02T03:04:05Z",' +
        '"allocations":[0,null,null,null],"unallocated":[1,2,3],' +
        '"attributes":[{"handle_id":"net.abc","secondary":{"namespace":"default","node":"n1","pod":"p"}}],' +
        '"sequenceNumber":1718000000000000000,"sequenceNumberForAllocation":{"0":1718000000000000000},"deleted":false}',
    );
  });

  it('has an empty attribute for an owner without handle and attributes, and an empty list when that is gone', () => {
    const { block, ips } = autoAssignFrom(fresh('10.0.1.0/30'), 1, {}, none);
    expect(encodeBlock(block)).toContain('"attributes":[{}]');
    const released = releaseFrom(block, [{ ip: ips[0]! }], atOnce).block;
    expect(encodeBlock(released)).toContain('"unallocated":[1,2,3,0],"attributes":[]');
  });
});

describe('giving addresses', () => {
  it('gives the address that was free longest', () => {
    let block = fresh('10.0.1.0/30');
    const first = autoAssignFrom(block, 2, { handleId: 'a' }, none);
    expect(first.ips).toEqual(['10.0.1.0', '10.0.1.1']);
    block = releaseFrom(first.block, [{ ip: parseIp('10.0.1.0') }], atOnce).block;
    expect(autoAssignFrom(block, 3, { handleId: 'b' }, none).ips).toEqual(['10.0.1.2', '10.0.1.3', '10.0.1.0']);
  });

  it('skips reserved addresses and keeps their place in the queue', () => {
    const reserved = new Set(['10.0.1.0', '10.0.1.2']);
    const { block, ips } = autoAssignFrom(fresh('10.0.1.0/30'), 4, {}, (ip) => reserved.has(ip));
    expect(ips).toEqual(['10.0.1.1', '10.0.1.3']);
    expect(block.unallocated).toEqual([0, 2]);
  });

  it('gives a chosen address once', () => {
    const block = assignInBlock(fresh(), parseIp('10.0.1.5'), { handleId: 'a' });
    expect(addressesOfHandle(block, 'a')).toEqual(['10.0.1.5']);
    expect(() => assignInBlock(block, parseIp('10.0.1.5'), { handleId: 'b' })).toThrow(/already assigned to a/);
  });

  it('shares the attribute entry of equal owners, also of one that an older release wrote', () => {
    const old = decodeBlock(
      '{"cidr":"10.0.1.0/30","affinity":"host:n1","allocations":[0,null,null,null],"unallocated":[1,2,3],' +
        '"attributes":[{"handle_id":"a","secondary":null}],"sequenceNumber":5,' +
        '"sequenceNumberForAllocation":{"0":4},"deleted":false}',
    );
    const { block } = autoAssignFrom(old, 1, { handleId: 'a' }, none);
    expect(block.allocations).toEqual([0, 0, null, null]);
  });

  it('refuses with strict affinity a block of another host or of none', () => {
    expect(() => {
      checkAffinity(fresh(), 'host:n1');
    }).not.toThrow();
    expect(() => {
      checkAffinity(fresh(), 'host:n2');
    }).toThrow(/belongs to host:n1/);
    expect(() => {
      checkAffinity({ ...fresh(), affinity: null }, 'host:n1');
    }).toThrow(/no host/);
  });
});

describe('taking addresses back', () => {
  const { block: used } = autoAssignFrom(fresh(), 2, { handleId: 'a' }, none);
  const ip = parseIp('10.0.1.1');

  it('changes nothing when one of several has another owner by now', () => {
    const requests = [{ ip: parseIp('10.0.1.0') }, { ip, handleId: 'b' }];
    expect(() => releaseFrom(used, requests, atOnce)).toThrow(expect.objectContaining({ code: 'bad-handle' }));
    const wrong = [{ ip, sequenceNumber: 1n }];
    expect(() => releaseFrom(used, wrong, atOnce)).toThrow(expect.objectContaining({ code: 'bad-sequence-number' }));
  });

  it('takes it back with the right handle and sequence number, and counts for the handle', () => {
    const result = releaseFrom(used, [{ ip, handleId: 'a', sequenceNumber: 1718000000000000000n }], atOnce);
    expect(result.released).toEqual([ip]);
    expect([...result.countByHandle]).toEqual([['a', 1]]);
  });

  it('reports addresses that nobody held', () => {
    expect(releaseFrom(used, [{ ip: parseIp('10.0.1.7') }], atOnce).unallocated).toEqual(['10.0.1.7']);
  });

  it('knows a handle behind which an old writer left more text', () => {
    const { block } = autoAssignFrom(fresh(), 1, { handleId: 'a\r\nb' }, none);
    expect(addressesOfHandle(block, 'a')).toEqual(['10.0.1.0']);
  });

  it('lets an address rest for the cooldown', () => {
    const released = releaseFrom(used, [{ ip }], { seconds: 60, now: 1_000_000 }).block;
    expect(released.unallocated).not.toContain(1);
    expect(releaseFrom(released, [{ ip }], { seconds: 60, now: 1_000_000 }).unallocated).toEqual([ip]);
    expect(collectReleased(released, { seconds: 60, now: 1_059_000 })).toBe(released);
    expect(collectReleased(released, { seconds: 60, now: 1_060_000 }).unallocated.at(-1)).toBe(1);
  });
});

const step = fc.oneof(
  fc.record({
    do: fc.constant('auto' as const),
    count: fc.integer({ min: 0, max: 3 }),
    handle: fc.constantFrom('a', 'b', 'c'),
  }),
  fc.record({
    do: fc.constant('assign' as const),
    ordinal: fc.integer({ min: 0, max: 7 }),
    handle: fc.constantFrom('a', 'b'),
  }),
  fc.record({
    do: fc.constant('release' as const),
    ordinals: fc.array(fc.integer({ min: 0, max: 7 }), { maxLength: 3 }),
  }),
);

describe('any sequence of operations', () => {
  it('keeps each ordinal either free once or owned, and agrees with a plain map', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let block = fresh();
        const owners = new Map<IpAddress, string>();
        const address = (ordinal: number): IpAddress => parseIp(`10.0.1.${ordinal}`);
        for (const next of steps) {
          if (next.do === 'auto') {
            const result = autoAssignFrom(block, next.count, { handleId: next.handle }, none);
            expect(result.ips).toHaveLength(Math.min(next.count, 8 - owners.size));
            for (const ip of result.ips) {
              expect(owners.has(ip)).toBe(false);
              owners.set(ip, next.handle);
            }
            block = result.block;
          } else if (next.do === 'assign') {
            if (owners.has(address(next.ordinal))) continue;
            block = assignInBlock(block, address(next.ordinal), { handleId: next.handle });
            owners.set(address(next.ordinal), next.handle);
          } else {
            block = releaseFrom(
              block,
              next.ordinals.map((ordinal) => ({ ip: address(ordinal) })),
              atOnce,
            ).block;
            for (const ordinal of next.ordinals) owners.delete(address(ordinal));
          }
          for (const handle of ['a', 'b', 'c']) {
            const expected = [...owners].filter(([, owner]) => owner === handle).map(([ip]) => ip);
            expect([...addressesOfHandle(block, handle)].sort()).toEqual(expected.sort());
          }
          const owned = block.allocations.flatMap((index, ordinal) => (index === null ? [] : [ordinal]));
          expect([...block.unallocated, ...owned].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
          expect(Object.keys(block.sequenceNumberForAllocation).map(Number)).toEqual(owned);
          expect(new Set(block.allocations.filter((index) => index !== null)).size).toBe(block.attributes?.length ?? 0);
          expect(isEmptyBlock(block)).toBe(owners.size === 0);
          expect(decodeBlock(encodeBlock(block))).toEqual(block);
        }
      }),
    );
  });
});
