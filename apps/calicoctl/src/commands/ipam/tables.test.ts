import type { AllocationAttribute, AllocationBlock, IPPool } from '@calico-node/model';
import { parseCidr } from '@calico-node/net';
import { describe, expect, it } from 'vitest';
import { borrowedTable, configurationTable, utilisationTable } from './tables.ts';

function block(cidr: string, affinity: string | null, ...given: AllocationAttribute[]): AllocationBlock {
  return {
    cidr: parseCidr(cidr),
    affinity,
    allocations: [0, 1, 2, 3].map((ordinal) => (ordinal < given.length ? ordinal : null)),
    unallocated: [0, 1, 2, 3].slice(given.length),
    attributes: given,
    sequenceNumber: 1n,
    sequenceNumberForAllocation: {},
    deleted: false,
  };
}

function pool(name: string, cidr: string): IPPool {
  return { kind: 'IPPool', apiVersion: 'projectcalico.org/v3', metadata: { name }, spec: { cidr } };
}

describe('the table of utilisation', () => {
  const blocks = [block('10.0.0.0/30', 'host:n1', {}), block('192.0.2.0/30', 'host:n1', {}, {})];
  const pools = [pool('v4', '10.0.0.0/16'), pool('v6', 'fd00::/64')];

  it('has a row for each pool', () => {
    expect(utilisationTable(pools, blocks, false)).toBe(
      `+----------+-------------+------------+------------+-------------------+
| GROUPING |    CIDR     | IPS TOTAL  | IPS IN USE |     IPS FREE      |
+----------+-------------+------------+------------+-------------------+
| IP Pool  | 10.0.0.0/16 |      65536 | 1 (0%)     | 65535 (100%)      |
| IP Pool  | fd00::/64   | 1.8447e+19 | 0 (0%)     | 1.8447e+19 (100%) |
+----------+-------------+------------+------------+-------------------+
`,
    );
  });

  it('shows blocks behind their pool, and those without one last', () => {
    const lines = utilisationTable(pools, blocks, true).split('\n');
    expect(lines.map((line) => line.split('|')[2]?.trim()).filter((cell) => cell !== undefined)).toEqual([
      'CIDR',
      '10.0.0.0/16',
      '10.0.0.0/30',
      'fd00::/64',
      '192.0.2.0/30',
    ]);
  });
});

describe('the table of borrowed addresses', () => {
  it('names who uses them, and counts those that say no node', () => {
    const text = borrowedTable([
      block(
        '10.0.0.0/30',
        'host:n1',
        { secondary: { node: 'n1' } },
        { secondary: { node: 'n2', pod: 'p', namespace: 'd' } },
        {},
      ),
      block('10.0.0.4/30', null, { secondary: { node: 'n3', type: 'vxlanTunnelAddress' } }),
    ]);
    expect(text).toBe(
      `+----------+----------------+-------------+-------------+--------------------+--------------+
|    IP    | BORROWING-NODE |    BLOCK    | BLOCK OWNER |        TYPE        | ALLOCATED-TO |
+----------+----------------+-------------+-------------+--------------------+--------------+
| 10.0.0.1 | n2             | 10.0.0.0/30 | n1          | pod                | d/p          |
| 10.0.0.4 | n3             | 10.0.0.4/30 |             | vxlanTunnelAddress |              |
+----------+----------------+-------------+-------------+--------------------+--------------+

Note: found 1 IP allocations without an explicit node association. Unable to determine if they are borrowed.
`,
    );
  });
});

it('shows the settings under the names of their fields', () => {
  expect(configurationTable({ strict_affinity: true, auto_allocate_blocks: true, maxBlocksPerHost: 4 })).toBe(
    `+------------------------------+-----------+
|           PROPERTY           |   VALUE   |
+------------------------------+-----------+
| StrictAffinity               | true      |
| AutoAllocateBlocks           | true      |
| MaxBlocksPerHost             |         4 |
| KubeVirtVMAddressPersistence | "Enabled" |
+------------------------------+-----------+
`,
  );
});
