import { cidrContains, cidrOf, ipFromBytes, type Cidr } from '@calico-node/net';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PrefixSet } from './prefix-set.ts';
import { prefixViewOf } from './prefix-view.ts';

/** Few addresses, so that networks meet. */
const cidr = fc
  .tuple(fc.constantFrom(4, 16), fc.constantFrom(0, 1, 0x80, 0xff), fc.constantFrom(0, 0x0f), fc.nat())
  .map(([octets, first, last, bits]): Cidr => {
    const bytes = new Uint8Array(octets);
    bytes[0] = first;
    bytes[octets - 1] = last;
    return cidrOf(ipFromBytes(bytes), bits % (octets * 8 + 1));
  });

it('answers as asking each network would', () => {
  fc.assert(
    fc.property(fc.array(cidr), cidr, (networks, prefix) => {
      const set = new PrefixSet(networks);
      const view = prefixViewOf(prefix);
      expect(set.covers(view)).toBe(networks.some((network) => cidrContains(network, prefix)));
      expect(set.has(view)).toBe(networks.includes(prefix));
    }),
  );
});

it('is equal to one of the same networks, and to no other', () => {
  const networks = fc.sample(cidr, { numRuns: 5, seed: 1 });
  expect(new PrefixSet(networks)).toEqual(new PrefixSet([...networks]));
  expect(new PrefixSet(networks)).not.toEqual(new PrefixSet(networks.slice(1)));
});
