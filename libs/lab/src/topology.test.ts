import { describe, expect, test } from 'vitest';
import { planLab } from './topology.ts';

describe('planLab', () => {
  test('gives every node its own namespace and address', () => {
    const plan = planLab({ name: 'x', nodes: 3 });
    expect(plan.nodes.map((node) => [node.name, node.netns, node.address])).toEqual([
      ['node1', 'x-node1', '172.28.0.11'],
      ['node2', 'x-node2', '172.28.0.12'],
      ['node3', 'x-node3', '172.28.0.13'],
    ]);
  });

  test.each([
    ['a name that is no path component', { name: '../x', nodes: 1 }],
    ['no nodes', { name: 'x', nodes: 0 }],
    ['more nodes than the fabric has addresses', { name: 'x', nodes: 201 }],
  ])('refuses %s', (_, options) => {
    expect(() => planLab(options)).toThrow(RangeError);
  });
});
