import { describe, expect, it } from 'vitest';
import { decodeResource, parseResource } from '../resource-codec.ts';
import { document } from '../testing/documents.ts';
import { describeFields, describeRules, specOf } from '../testing/rules.ts';

const pool = specOf('IPPool', { cidr: '10.0.0.0/16' });

describe('IPPool', () => {
  describeRules(pool, {
    'cidr is required': {
      accepts: [{ cidr: '10.0.0.0/16' }],
      refuses: [
        [{ cidr: undefined }, ['cidr']],
        [{ cidr: '' }, ['cidr']],
      ],
    },
    'cidr is a network with its prefix length and without host bits': {
      accepts: [{ cidr: '10.1.0.0/16' }, { cidr: 'fd00::/48' }, { cidr: 'FD00:0:0::/48' }],
      refuses: [
        [{ cidr: '10.0.0.1/16' }, ['cidr']],
        [{ cidr: 'fd00::1/48' }, ['cidr']],
        [{ cidr: '10.0.0.0' }, ['cidr']],
        [{ cidr: '10.0.0.0/33' }, ['cidr']],
        [{ cidr: 'ten' }, ['cidr']],
      ],
    },
    'blockSize is 20 to 32 for IPv4': {
      accepts: [{ blockSize: 20 }, { blockSize: 32 }],
      refuses: [
        [{ blockSize: 19 }, ['blockSize']],
        [{ blockSize: 33 }, ['blockSize']],
      ],
    },
    'blockSize is 116 to 128 for IPv6': {
      accepts: [
        { cidr: 'fd00::/48', blockSize: 116 },
        { cidr: 'fd00::/48', blockSize: 128 },
      ],
      refuses: [
        [{ cidr: 'fd00::/48', blockSize: 115 }, ['blockSize']],
        [{ cidr: 'fd00::/48', blockSize: 129 }, ['blockSize']],
      ],
    },
    'a pool holds at least one block, unless it is disabled': {
      accepts: [
        { cidr: '10.0.0.0/26' },
        { cidr: '10.0.0.0/27', disabled: true },
        { cidr: '10.0.0.0/30', blockSize: 31 },
      ],
      refuses: [
        [{ cidr: '10.0.0.0/27' }, ['cidr']],
        [{ cidr: 'fd00::/123' }, ['cidr']],
      ],
    },
    'a pool has no link-local addresses': {
      accepts: [{ cidr: '169.253.0.0/16' }, { cidr: 'fec0::/48' }],
      refuses: [
        [{ cidr: '169.254.0.0/16' }, ['cidr']],
        [{ cidr: '169.254.128.0/20' }, ['cidr']],
        [{ cidr: '169.0.0.0/8' }, ['cidr']],
        [{ cidr: 'fe80::/64' }, ['cidr']],
      ],
    },
    'IPIP and VXLAN exclude each other': {
      accepts: [
        { ipipMode: 'Always', vxlanMode: 'Never' },
        { ipipMode: 'Never', vxlanMode: 'CrossSubnet' },
      ],
      refuses: [
        [{ ipipMode: 'Always', vxlanMode: 'Always' }, ['ipipMode']],
        [{ ipipMode: 'CrossSubnet', vxlanMode: 'CrossSubnet' }, ['ipipMode']],
      ],
    },
    'IPIP is not for IPv6': {
      accepts: [
        { cidr: 'fd00::/48', ipipMode: 'Never' },
        { cidr: 'fd00::/48', vxlanMode: 'Always' },
      ],
      refuses: [
        [{ cidr: 'fd00::/48', ipipMode: 'Always' }, ['ipipMode']],
        [{ cidr: 'fd00::/48', ipipMode: 'CrossSubnet' }, ['ipipMode']],
      ],
    },
    'selectors parse and do not use global()': {
      accepts: [{ nodeSelector: 'rack == "a"' }, { namespaceSelector: 'has(x)', allowedUses: ['Workload'] }],
      refuses: [
        [{ nodeSelector: 'rack' }, ['nodeSelector']],
        [{ nodeSelector: 'global()' }, ['nodeSelector']],
        [{ namespaceSelector: 'x ==', allowedUses: ['Workload'] }, ['namespaceSelector']],
        [{ namespaceSelector: 'global()', allowedUses: ['Workload'] }, ['namespaceSelector']],
      ],
    },
    'a namespaceSelector needs allowedUses without Tunnel': {
      accepts: [{ namespaceSelector: 'has(x)', allowedUses: ['Workload'] }],
      refuses: [
        [{ namespaceSelector: 'has(x)' }, ['namespaceSelector']],
        [{ namespaceSelector: 'has(x)', allowedUses: ['Workload', 'Tunnel'] }, ['namespaceSelector']],
      ],
    },
    'LoadBalancer excludes Workload and Tunnel': {
      accepts: [{ allowedUses: ['LoadBalancer'] }, { allowedUses: ['Tunnel', 'Workload'] }],
      refuses: [
        [{ allowedUses: ['LoadBalancer', 'Workload'] }, ['allowedUses']],
        [{ allowedUses: ['Tunnel', 'LoadBalancer'] }, ['allowedUses']],
      ],
    },
    'a LoadBalancer pool is not encapsulated': {
      accepts: [{ allowedUses: ['LoadBalancer'], ipipMode: 'Never', vxlanMode: 'Never' }],
      refuses: [
        [{ allowedUses: ['LoadBalancer'], ipipMode: 'Always' }, ['ipipMode']],
        [{ allowedUses: ['LoadBalancer'], vxlanMode: 'CrossSubnet' }, ['vxlanMode']],
      ],
    },
    'a LoadBalancer pool is for all nodes': {
      accepts: [{ allowedUses: ['LoadBalancer'], nodeSelector: 'all()' }],
      refuses: [[{ allowedUses: ['LoadBalancer'], nodeSelector: 'has(a)' }, ['nodeSelector']]],
    },
    'a LoadBalancer pool is exported over BGP': {
      accepts: [{ allowedUses: ['LoadBalancer'], disableBGPExport: false }],
      refuses: [[{ allowedUses: ['LoadBalancer'], disableBGPExport: true }, ['disableBGPExport']]],
    },
  });

  describeFields(pool, {
    vxlanMode: [
      ['Never', 'Always', 'CrossSubnet', ''],
      ['always', 'Sometimes', true],
    ],
    ipipMode: [
      ['Never', 'Always', 'CrossSubnet', ''],
      ['cross-subnet', 1],
    ],
    natOutgoing: [
      [true, false],
      ['true', 1],
    ],
    disabled: [[true, false], ['no']],
    disableBGPExport: [[true, false], [0]],
    blockSize: [[26], [26.5, '26']],
    allowedUses: [
      [['Workload'], ['Tunnel'], []],
      [['Workload', 'Workload'], ['Everything'], 'Workload'],
    ],
    assignmentMode: [['Automatic', 'Manual'], ['Never']],
  });

  it('gets the defaults of Calico\u2019s client', () => {
    expect(parseResource(document('IPPool', { cidr: '10.0.0.0/16' })).spec).toEqual({
      cidr: '10.0.0.0/16',
      vxlanMode: 'Never',
      ipipMode: 'Never',
      blockSize: 26,
      nodeSelector: 'all()',
      allowedUses: ['Workload', 'Tunnel'],
      assignmentMode: 'Automatic',
    });
    expect(parseResource(document('IPPool', { cidr: 'FD00:0:0::/48' })).spec).toMatchObject({
      cidr: 'fd00::/48',
      blockSize: 122,
    });
  });

  it('says why it cannot be used in its status', () => {
    const conditions = [
      {
        type: 'Allocatable',
        status: 'False',
        lastTransitionTime: '2026-01-02T03:04:05Z',
        reason: 'PoolDisabled',
        message: '',
      },
    ];
    const input = { ...document('IPPool', { cidr: '10.0.0.0/16' }), status: { conditions } };
    expect(parseResource(input)).toMatchObject({ status: { conditions } });
  });

  describe('of an older release', () => {
    it('is read with the defaults that it lacks', () => {
      const pool = decodeResource('IPPool', '{"metadata":{"name":"p"},"spec":{"cidr":"fd00::/48"}}', 1n);
      expect(pool.spec).toEqual({
        cidr: 'fd00::/48',
        vxlanMode: 'Never',
        ipipMode: 'Never',
        blockSize: 122,
        nodeSelector: 'all()',
        allowedUses: ['Workload', 'Tunnel'],
        assignmentMode: 'Automatic',
      });
    });

    it.each([
      ['"ipip":{"enabled":true}', 'Always'],
      ['"ipip":{"enabled":true,"mode":"always"}', 'Always'],
      ['"ipip":{"enabled":true,"mode":"cross-subnet"}', 'CrossSubnet'],
      ['"ipip":{"enabled":false,"mode":"always"}', 'Never'],
      ['"ipip":{"enabled":true},"ipipMode":"CrossSubnet"', 'CrossSubnet'],
    ])('is read with %s as ipipMode %s', (fields, ipipMode) => {
      const stored = `{"metadata":{"name":"p"},"spec":{"cidr":"10.0.0.0/8",${fields}}}`;
      expect(decodeResource('IPPool', stored, 1n).spec.ipipMode).toBe(ipipMode);
    });

    it('is read with nat-outgoing as natOutgoing', () => {
      const stored = '{"metadata":{"name":"p"},"spec":{"cidr":"10.0.0.0/8","nat-outgoing":true}}';
      expect(decodeResource('IPPool', stored, 1n).spec.natOutgoing).toBe(true);
    });
  });
});
