import { cidrContains, cidrOf, parseIp, type Cidr } from '@calico-node/net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NetworkCover } from './network-cover.ts';

/** Networks of few addresses, so that they lie in one another often. */
const network = fc
  .record({ octet: fc.constantFrom(0, 1, 2, 3, 128, 129, 192), prefixLength: fc.integer({ min: 0, max: 32 }) })
  .map(({ octet, prefixLength }) => cidrOf(parseIp(`10.0.${octet}.${octet}`), prefixLength));

/** By the definition, without a thought to cost. */
function outermost(networks: ReadonlySet<Cidr>): string[] {
  return [...networks]
    .filter((cidr) => ![...networks].some((other) => other !== cidr && cidrContains(other, cidr)))
    .sort();
}

describe('NetworkCover', () => {
  it('tells exactly how the outermost networks change', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ network, isDelete: fc.boolean() }), { maxLength: 40 }), (steps) => {
        const cover = new NetworkCover();
        const networks = new Set<Cidr>();
        const held = new Set<Cidr>();
        for (const { network: cidr, isDelete } of steps) {
          const change = isDelete ? cover.delete(cidr) : cover.add(cidr);
          if (isDelete) networks.delete(cidr);
          else networks.add(cidr);
          for (const removed of change.removed) expect(held.delete(removed)).toBe(true);
          for (const added of change.added) {
            expect(held.has(added)).toBe(false);
            held.add(added);
          }
          expect([...held].sort()).toEqual(outermost(networks));
        }
      }),
    );
  });
});
