import { prefixViewOf } from '@calico-node/bgp';
import { cidrOf, ipFromBytes, type Cidr, type Family } from '@calico-node/net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PrefixTable } from './prefix-table.ts';

/** Few distinct octets, so that prefixes meet again. */
function prefix(family: Family): fc.Arbitrary<Cidr> {
  const [octets, bits] = family === 4 ? [4, 32] : [16, 128];
  const octet = fc.constantFrom(0, 10, 128, 255);
  return fc
    .tuple(fc.array(octet, { minLength: octets, maxLength: octets }), fc.integer({ min: 0, max: bits }))
    .map(([address, length]) => cidrOf(ipFromBytes(Uint8Array.from(address)), length));
}

describe('the prefix table', () => {
  it.each([4, 6] as const)('agrees with a map through any additions and removals (IPv%d)', (family) => {
    const step = fc.tuple(fc.boolean(), prefix(family));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const table = new PrefixTable(family, 2);
        const oracle = new Map<Cidr, number>();
        for (const [isAddition, cidr] of steps) {
          if (isAddition) {
            const id = table.internCidr(cidr);
            expect(oracle.get(cidr) ?? id).toBe(id);
            oracle.set(cidr, id);
          } else {
            expect(table.findCidr(cidr)).toBe(oracle.get(cidr) ?? -1);
            table.remove(table.findCidr(cidr));
            oracle.delete(cidr);
          }
        }
        expect(table.size).toBe(oracle.size);
        expect(new Set(oracle.values()).size).toBe(oracle.size);
        for (const [cidr, id] of oracle) {
          expect(table.findCidr(cidr)).toBe(id);
          expect(table.cidr(id)).toBe(cidr);
        }
      }),
    );
  });

  it.each([4, 6] as const)('shows policy a prefix as its text would be shown (IPv%d)', (family) => {
    fc.assert(
      fc.property(prefix(family), prefix(family), (cidr, network) => {
        const table = new PrefixTable(family, 2);
        const [view, textual] = [table.view(table.internCidr(cidr)), prefixViewOf(cidr)];
        expect([view.length, view.isIn(network)]).toEqual([textual.length, textual.isIn(network)]);
        for (let bits = 0; bits <= view.length; bits++) expect(view.key(bits)).toBe(textual.key(bits));
      }),
    );
  });

  it('takes prefixes with host bits for what they mean', () => {
    const table = new PrefixTable(4);
    const id = table.intern(Uint8Array.of(10, 1, 0xff, 0xff), 0, 20);
    expect(table.cidr(id)).toBe('10.1.240.0/20');
    expect(table.find(Uint8Array.of(10, 1, 0xf0, 0), 0, 20)).toBe(id);
  });

  it('gives numbers back, so that it does not grow under churn', () => {
    const table = new PrefixTable(4);
    for (let round = 0; round < 1000; round++)
      table.remove(table.intern(Uint8Array.of(10, round >> 8, round & 255), 0, 24));
    expect([table.size, table.end]).toEqual([0, 1]);
  });

  it.each([
    [4, [[24, 10, 0, 1], [4, 0xe0], [0]]],
    [6, [[16, 0x20, 1], [8, 0xff], [0]]],
  ] as const)(
    'takes a run of prefixes, and no multicast for a destination (IPv%d)',
    (family, [first, multicast, all]) => {
      const table = new PrefixTable(family, 1);
      const found = (count: number): number[] => [...table.run.subarray(0, count)];
      const run = Uint8Array.from([...first, ...multicast, ...all, ...first]);
      expect(found(table.findRun(run, 0, run.length))).toEqual([-1, -1, -1, -1]);
      expect(found(table.internRun(run, 0, run.length))).toEqual([0, -1, 1, 0]);
      expect(found(table.findRun(run, first.length, run.length))).toEqual([-1, 1, 0]);
    },
  );
});
