import type { AllocationAttribute, AllocationBlock, IPPool, Node, WorkloadEndpoint } from '@calico-node/model';
import { parseCidr, parseIp } from '@calico-node/net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allocationsOf } from './allocations.ts';
import { blockProblem } from './block-problem.ts';
import { checkConsistency, type ConsistencyInputs } from './consistency.ts';
import { utilizationOf } from './utilization.ts';

function block(
  cidr: string,
  given: Readonly<Record<number, AllocationAttribute>>,
  affinity: string | null = 'host:n1',
): AllocationBlock {
  const ordinals = [0, 1, 2, 3];
  const taken = ordinals.filter((ordinal) => given[ordinal] !== undefined);
  return {
    cidr: parseCidr(cidr),
    affinity,
    allocations: ordinals.map((ordinal) => (taken.includes(ordinal) ? taken.indexOf(ordinal) : null)),
    unallocated: ordinals.filter((ordinal) => !taken.includes(ordinal)),
    attributes: taken.map((ordinal) => given[ordinal]!),
    sequenceNumber: 9n,
    sequenceNumberForAllocation: Object.fromEntries(taken.map((ordinal) => [String(ordinal), 7n])),
    deleted: false,
  };
}

function pool(name: string, cidr: string, disabled = false): IPPool {
  return { kind: 'IPPool', apiVersion: 'projectcalico.org/v3', metadata: { name }, spec: { cidr, disabled } };
}

function node(name: string, spec: Node['spec']): Node {
  return { kind: 'Node', apiVersion: 'projectcalico.org/v3', metadata: { name }, spec };
}

function workload(name: string, ...ipNetworks: string[]): WorkloadEndpoint {
  return {
    kind: 'WorkloadEndpoint',
    apiVersion: 'projectcalico.org/v3',
    metadata: { name, namespace: 'default' },
    spec: { orchestrator: 'k8s', node: 'n1', endpoint: 'eth0', interfaceName: 'cali1', ipNetworks },
  };
}

function check(inputs: Partial<ConsistencyInputs>): ReturnType<typeof checkConsistency> {
  return checkConsistency({ blocks: [], pools: [], nodes: [], endpoints: [], handleIds: [], ...inputs });
}

describe('the consistency check', () => {
  it('presumes that a virtual machine has the address that it keeps, and says so', () => {
    const { leaked, allocations } = check({
      blocks: [block('10.0.0.0/30', { 0: { handle_id: 'net.vmi.shop.vm1' }, 1: { handle_id: 'net.c' } })],
      pools: [pool('p', '10.0.0.0/24')],
      handleIds: ['net.vmi.shop.vm1', 'net.c'],
    });
    expect(leaked.map(({ ip }) => ip)).toEqual([parseIp('10.0.0.1')]);
    expect(allocations[0]?.owners).toEqual(['VirtualMachine(not checked)']);
  });

  it('finds nothing where every address has its user and handle', () => {
    const result = check({
      blocks: [block('10.0.0.0/30', { 0: { handle_id: 'a' }, 1: { handle_id: 'vxlan-tunnel-addr-n1' } })],
      pools: [pool('p', '10.0.0.0/24')],
      nodes: [node('n1', { ipv4VXLANTunnelAddr: '10.0.0.1' })],
      endpoints: [workload('w', '10.0.0.0/32')],
      handleIds: ['a', 'vxlan-tunnel-addr-n1'],
    });
    expect(result).toMatchObject({
      leaked: [],
      outsidePools: [],
      unallocated: [],
      leakedHandles: [],
      missingHandles: [],
      goodHandles: ['a', 'vxlan-tunnel-addr-n1'],
    });
    expect(result.allocations.map(({ owners }) => owners)).toEqual([['Workload(default/w)'], ['Node(n1)']]);
  });

  it('finds leaked addresses, addresses without allocation, and handles without either', () => {
    const result = check({
      blocks: [block('10.0.0.0/30', { 0: { handle_id: 'a' }, 2: { handle_id: 'gone' } })],
      pools: [pool('p', '10.0.0.0/24'), pool('off', '10.9.0.0/24', true)],
      endpoints: [workload('w', '10.0.0.0/32', '10.0.0.7/32', '10.9.0.1', 'nonsense')],
      handleIds: ['a', 'left'],
    });
    expect(result.leaked.map(({ ip }) => ip)).toEqual(['10.0.0.2']);
    expect(result.unallocated).toEqual(['10.0.0.7']);
    expect(result.outsidePools).toEqual(['10.9.0.1']);
    expect(result.leakedHandles).toEqual(['left']);
    expect(result.missingHandles).toEqual(['gone']);
  });

  it('takes load balancer, Windows and cooling addresses for no leak', () => {
    const result = check({
      blocks: [
        block('10.0.0.0/30', { 0: { handle_id: 'lb-x' } }, 'virtual:load-balancer'),
        block('10.0.0.4/30', {
          0: { handle_id: 'windows-reserved-ipam-handle' },
          1: { releasedAt: '2026-01-02T03:04:05Z' },
        }),
      ],
      pools: [pool('p', '10.0.0.0/24')],
      handleIds: ['lb-x'],
    });
    expect(result.leaked).toEqual([]);
    expect(result.missingHandles).toEqual([]);
    expect(result.allocations.map(({ isInUse, isCoolingDown }) => [isInUse, isCoolingDown])).toEqual([
      [true, false],
      [true, false],
      [false, true],
    ]);
  });

  it('finds load balancer addresses leaked that no service has, where services are known', () => {
    const given = { 0: { handle_id: 'lb-a' }, 1: { handle_id: 'lb-b' } };
    const blocks = [block('10.2.0.0/30', given, 'virtual:load-balancer')];
    const services = [{ ip: parseIp('10.2.0.0'), owner: 'front' }];
    const result = check({ blocks, services });
    expect(result.leaked.map(({ ip }) => ip)).toEqual(['10.2.0.1']);
    expect(result.allocations.map(({ owners }) => owners)).toEqual([['front'], []]);
    expect(check({ blocks }).leaked).toEqual([]);
  });

  it('knows borrowed addresses, and attributes that are not there', () => {
    const broken = { ...block('10.0.0.0/30', { 0: {} }), attributes: [] };
    const [borrowed, ...others] = check({
      blocks: [block('10.0.0.4/30', { 0: { secondary: { node: 'n2' } }, 1: { secondary: { node: 'n1' } } }), broken],
    }).allocations;
    expect(borrowed).toMatchObject({ node: 'n2', isBorrowed: true, sequenceNumber: 7n });
    expect(others).toMatchObject([
      { node: 'n1', isBorrowed: false },
      { node: 'n1', attribute: undefined, isInUse: false },
    ]);
  });
});

describe('the problem of a block', () => {
  const sound = block('10.0.0.0/30', { 1: { handle_id: 'a' } });

  it.each<[string, Partial<AllocationBlock>, RegExp]>([
    ['an attribute that is not there', { attributes: [] }, /allocation 1 indexes a nonexistent attribute 0/],
    ['an attribute of nobody', { attributes: [{}, {}] }, /attribute index 1 exists but is not indexed/],
    ['a release in the future', { attributes: [{ releasedAt: '2100-01-01T00:00:00Z' }] }, /clock skew/],
    ['an ordinal out of the block', { unallocated: [0, 2, 4] }, /ordinal 4 is unallocated but out of the block/],
    ['an ordinal that is free twice', { unallocated: [0, 2, 2] }, /ordinal 2 appears more than once/],
    ['an ordinal that is given and free', { unallocated: [0, 1, 2] }, /ordinal 1 is allocated but appears/],
    ['a missing ordinal', { unallocated: [0, 2] }, /Unallocated \(2\) \+ Allocated \(1\) = 3/],
    ['a short table', { allocations: [null] }, /expected 4 allocations, but there are 1/],
  ])('is %s', (_, change, problem) => {
    expect(blockProblem({ ...sound, ...change }, Date.UTC(2026))).toMatch(problem);
  });

  it('is none in a sound block', () => {
    expect(blockProblem(sound, Date.UTC(2026))).toBeUndefined();
  });
});

describe('the utilization', () => {
  it('counts by pool, and blocks without a pool apart', () => {
    const blocks = [block('10.0.0.0/30', { 0: {} }), block('10.0.0.4/30', { 0: {}, 3: {} }), block('10.1.0.0/30', {})];
    expect(utilizationOf([pool('p', '10.0.0.0/24'), pool('v6', 'fd00::/64'), pool('bad', 'x')], blocks)).toEqual({
      pools: [
        {
          name: 'p',
          cidr: '10.0.0.0/24',
          capacity: 256n,
          inUse: 3,
          blocks: [
            { cidr: '10.0.0.0/30', capacity: 4, inUse: 1 },
            { cidr: '10.0.0.4/30', capacity: 4, inUse: 2 },
          ],
        },
        { name: 'v6', cidr: 'fd00::/64', capacity: 2n ** 64n, inUse: 0, blocks: [] },
      ],
      orphans: [{ cidr: '10.1.0.0/30', capacity: 4, inUse: 0 }],
    });
  });

  it('counts every allocation of every block exactly once', () => {
    const masks = fc.array(fc.integer({ min: 0, max: 15 }), { maxLength: 20 });
    fc.assert(
      fc.property(masks, (given) => {
        const blocks = given.map((mask, index) => {
          const taken = [0, 1, 2, 3].filter((ordinal) => (mask & (1 << ordinal)) !== 0);
          return block(`10.0.${index}.0/30`, Object.fromEntries(taken.map((ordinal) => [ordinal, {}])));
        });
        const { pools, orphans } = utilizationOf([pool('a', '10.0.0.0/21'), pool('b', '10.0.0.0/20')], blocks);
        const counted = [...pools.flatMap((use) => use.blocks), ...orphans].reduce((sum, { inUse }) => sum + inUse, 0);
        expect(counted).toBe(blocks.flatMap(allocationsOf).length);
        expect(pools.reduce((sum, { inUse }) => sum + inUse, 0)).toBeLessThanOrEqual(counted);
      }),
    );
  });
});
