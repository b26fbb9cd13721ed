import { describe, expect, it } from 'vitest';
import { encodeBlock, type AllocationBlock } from '@calico-node/model';
import { parseCidr } from '@calico-node/net';
import { ownersOfBlock } from './owners.ts';

const cidr = parseCidr('10.0.0.0/30');

function block(
  affinity: string | null,
  holders: readonly (string | undefined)[],
  given: readonly (number | null)[],
): string {
  const value: AllocationBlock = {
    cidr,
    affinity,
    allocations: [...given],
    unallocated: [],
    attributes: holders.map((node) => ({ handle_id: 'h', ...(node === undefined ? {} : { secondary: { node } }) })),
    sequenceNumber: 1n,
    sequenceNumberForAllocation: {},
    deleted: false,
  };
  return encodeBlock(value);
}

const owners = (text: string): readonly string[] =>
  [...ownersOfBlock(cidr, text)].map(([net, { host, isBorrowed }]) => `${net} ${host}${isBorrowed ? ' borrowed' : ''}`);

describe('the owners of a block', () => {
  it.each<[string, string, readonly string[]]>([
    [
      'its host alone, whose addresses are in use',
      block('host:n1', ['n1', 'n1'], [0, 1, null, null]),
      ['10.0.0.0/30 n1'],
    ],
    [
      'its host, of addresses given to nobody known',
      block('host:n1', [undefined], [0, null, null, null]),
      ['10.0.0.0/30 n1'],
    ],
    [
      'its host, and another for what that borrowed',
      block('host:n1', ['n1', 'n2'], [0, 1, null, null]),
      ['10.0.0.0/30 n1', '10.0.0.1/32 n2 borrowed'],
    ],
    [
      'its host, where another has nothing left',
      block('host:n1', ['n2'], [null, null, null, null]),
      ['10.0.0.0/30 n1'],
    ],
    ['those of its addresses, without a host', block(null, ['n1'], [null, 0, null, null]), ['10.0.0.1/32 n1 borrowed']],
    ['nobody', block('virtual:load-balancer', [], [null, null, null, null]), []],
    [
      'the host that a very old record names',
      '{"cidr":"10.0.0.0/30","hostAffinity":"n1","affinity":null,"allocations":[],"unallocated":[],"attributes":[],"sequenceNumber":0,"sequenceNumberForAllocation":{},"deleted":false}',
      ['10.0.0.0/30 n1'],
    ],
  ])('are %s', (_, text, expected) => {
    expect(owners(text)).toEqual(expected);
  });

  it('are not made up of what is no block', () => {
    expect(() => ownersOfBlock(cidr, '{"cidr":1}')).toThrow();
  });
});
