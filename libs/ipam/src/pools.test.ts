import { describe, expect, it } from 'vitest';
import { parseCidr, parseIp } from '@calico-node/net';
import { choosePools, poolOf, type Pool, type PoolRequest } from './pools.ts';
import { parseReservedCidrs, Reservations } from './reservations.ts';

function pool(name: string, fields: Partial<Pool> = {}): Pool {
  return {
    name,
    cidr: parseCidr('10.0.0.0/16'),
    family: 4,
    blockSize: 26,
    isEnabled: true,
    isAutomatic: true,
    allowedUses: ['Workload', 'Tunnel'],
    nodeSelector: 'all()',
    namespaceSelector: '',
    ...fields,
  };
}

function request(fields: Partial<PoolRequest> = {}): PoolRequest {
  return {
    family: 4,
    use: 'Workload',
    requested: [],
    nodeName: 'n1',
    nodeLabels: { rack: 'a' },
    namespaceLabels: undefined,
    ...fields,
  };
}

function usable(pools: readonly Pool[], fields: Partial<PoolRequest> = {}): readonly string[] {
  return choosePools(pools, request(fields)).usable.map(({ name }) => name);
}

describe('choosePools', () => {
  it('takes enabled automatic pools of the family that select the node, in order', () => {
    const pools = [
      pool('a', { nodeSelector: 'rack == "a"' }),
      pool('b', { nodeSelector: 'rack == "b"' }),
      pool('c', { isEnabled: false }),
      pool('d', { isAutomatic: false }),
      pool('e', { family: 6, cidr: parseCidr('fd00::/64') }),
      pool('f'),
      pool('g', { nodeSelector: 'rack == ' }),
    ];
    expect(usable(pools)).toEqual(['a', 'f']);
  });

  it('looks at the namespace when the pool does', () => {
    const pools = [pool('a', { namespaceSelector: 'team == "x"' }), pool('b')];
    expect(usable(pools)).toEqual(['b']);
    expect(usable(pools, { namespaceLabels: { team: 'x' } })).toEqual(['a', 'b']);
  });

  it('takes a requested pool whatever it selects, by name or network', () => {
    const pools = [pool('a', { nodeSelector: 'rack == "b"', isAutomatic: false }), pool('b')];
    expect(usable(pools, { requested: ['a'] })).toEqual(['a']);
    expect(usable(pools, { requested: ['10.0.0.0/16'] })).toEqual(['a']);
  });

  it.each([
    [
      'no pool selects the node',
      [pool('a', { nodeSelector: 'rack == "b"' })],
      {},
      /no configured Calico pools for node n1/,
    ],
    ['no pool allows the use', [pool('a')], { use: 'LoadBalancer' as const }, /LoadBalancer/],
    ['a requested pool is unknown', [pool('a')], { requested: ['z'] }, /pool z/],
    ['a requested pool is disabled', [pool('a', { isEnabled: false })], { requested: ['a'] }, /pool a/],
  ])('says so when %s', (_what, pools, fields, message) => {
    expect(() => usable(pools, fields)).toThrow(message);
  });
});

describe('poolOf', () => {
  it('finds the pool around an address, not one of the other family', () => {
    const pools = [pool('six', { family: 6, cidr: parseCidr('::/0') }), pool('four')];
    expect(poolOf(pools, parseIp('10.0.3.4'))?.name).toBe('four');
    expect(poolOf(pools, parseIp('11.0.3.4'))).toBeUndefined();
  });
});

describe('Reservations', () => {
  const reservations = new Reservations(
    parseReservedCidrs('{"spec":{"reservedCIDRs":[" 10.0.0.0/26 ","10.0.1.7/32","rubbish",3]}}'),
  );

  it('covers its networks, and whole blocks inside them', () => {
    expect(reservations.isReserved?.(parseIp('10.0.0.63'))).toBe(true);
    expect(reservations.isReserved?.(parseIp('10.0.1.7'))).toBe(true);
    expect(reservations.isReserved?.(parseIp('10.0.1.8'))).toBe(false);
    expect(reservations.around(parseCidr('10.0.0.0/26'))).toBe('10.0.0.0/26');
    expect(reservations.around(parseCidr('10.0.1.0/26'))).toBeUndefined();
  });

  it.each(['', 'null', '[]', '{"spec":{}}', '{"spec":{"reservedCIDRs":"x"}}'])('makes nothing of %j', (text) => {
    expect(parseReservedCidrs(text)).toEqual([]);
  });
});
