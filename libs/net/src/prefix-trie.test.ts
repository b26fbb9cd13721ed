import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cidrContains, cidrOf, compareCidr, parseCidr, splitCidr, type Cidr } from './cidr.ts';
import { ipFromBytes, parseIp } from './ip.ts';
import { PrefixTrie } from './prefix-trie.ts';

const cidrs = fc
  .oneof(
    fc.tuple(fc.array(fc.constantFrom(0, 64, 192), { minLength: 4, maxLength: 4 }), fc.integer({ min: 0, max: 32 })),
    fc.tuple(fc.array(fc.constantFrom(0, 255), { minLength: 16, maxLength: 16 }), fc.integer({ min: 0, max: 128 })),
  )
  .map(([bytes, length]) => cidrOf(ipFromBytes(Uint8Array.from(bytes)), length));

const operations = fc.array(fc.record({ cidr: cidrs, isDelete: fc.boolean() }), { maxLength: 60 });

describe('PrefixTrie', () => {
  it('answers as a naive map does after any sequence of sets and deletes', () => {
    fc.assert(
      fc.property(operations, fc.array(cidrs, { maxLength: 10 }), (steps, queries) => {
        const trie = new PrefixTrie<number>();
        const naive = new Map<Cidr, number>();
        for (const [value, { cidr, isDelete }] of steps.entries()) {
          if (isDelete) {
            expect(trie.delete(cidr)).toBe(naive.delete(cidr));
          } else {
            trie.set(cidr, value);
            naive.set(cidr, value);
          }
        }
        const all = [...naive].map(([cidr, value]) => ({ cidr, value })).sort((a, b) => compareCidr(a.cidr, b.cidr));
        expect(trie.size).toBe(naive.size);
        expect([...trie.entries()]).toEqual(all);
        for (const query of [...queries, ...naive.keys()]) {
          const containing = all.filter(({ cidr }) => cidrContains(cidr, query));
          expect(trie.get(query)).toBe(naive.get(query));
          expect(trie.lookup(query)).toEqual(containing.at(-1));
          expect([...trie.covering(query)]).toEqual(containing);
          expect([...trie.covered(query)]).toEqual(all.filter(({ cidr }) => cidrContains(query, cidr)));
          const { ip } = splitCidr(query);
          expect(trie.lookup(ip)).toEqual(all.findLast(({ cidr }) => cidrContains(cidr, ip)));
        }
      }),
    );
  });

  it('returns to one root when everything is deleted', () => {
    const trie = new PrefixTrie<string>();
    const networks = ['0.0.0.0/0', '10.0.0.0/8', '10.0.0.0/9', '10.128.0.0/9', '10.0.0.1/32'].map(parseCidr);
    for (const cidr of networks) trie.set(cidr, cidr);
    for (const cidr of networks) expect(trie.delete(cidr)).toBe(true);
    expect(trie.size).toBe(0);
    expect(trie.lookup(parseIp('10.0.0.1'))).toBeUndefined();
  });

  it('keeps the families apart', () => {
    const trie = new PrefixTrie<string>();
    trie.set(parseCidr('0.0.0.0/0'), 'v4');
    expect(trie.lookup(parseIp('::1'))).toBeUndefined();
    expect(trie.lookup(parseIp('1.1.1.1'))?.value).toBe('v4');
  });
});
