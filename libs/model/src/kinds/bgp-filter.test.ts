import { describe } from 'vitest';
import { document } from '../testing/documents.ts';
import { describeFields, describeRules, type Subject } from '../testing/rules.ts';

function ruleOf(list: 'exportV4' | 'importV4' | 'exportV6' | 'importV6', base: object = {}): Subject {
  return {
    document: (given) => document('BGPFilter', { [list]: [{ action: 'Accept', ...base, ...given }] }),
    path: `spec.${list}[0]`,
  };
}

const inCidr = { cidr: '10.0.0.0/8', matchOperator: 'In' };

describe('BGPFilter', () => {
  describeRules(ruleOf('exportV4'), {
    'action is required': {
      accepts: [{ action: 'Reject' }],
      refuses: [
        [{ action: undefined }, ['action']],
        [{ action: '' }, ['action']],
      ],
    },
    'matchOperator is set exactly where cidr is': {
      accepts: [{}, inCidr],
      refuses: [
        [{ cidr: '10.0.0.0/8' }, ['matchOperator']],
        [{ matchOperator: 'In' }, ['matchOperator']],
      ],
    },
    'prefixLength needs a cidr': {
      accepts: [
        { ...inCidr, prefixLength: { min: 8, max: 24 } },
        { ...inCidr, prefixLength: {} },
      ],
      refuses: [[{ prefixLength: { min: 8 } }, ['prefixLength']]],
    },
    'a prefix length is 0 to 32 for IPv4, min not above max': {
      accepts: [{ ...inCidr, prefixLength: { min: 0, max: 32 } }],
      refuses: [
        [{ ...inCidr, prefixLength: { min: -1 } }, ['prefixLength.min']],
        [{ ...inCidr, prefixLength: { max: 33 } }, ['prefixLength.max']],
        [{ ...inCidr, prefixLength: { min: 24, max: 16 } }, ['prefixLength.max']],
      ],
    },
    'operations are only for Accept': {
      accepts: [{ operations: [{ setPriority: { value: 5 } }] }],
      refuses: [[{ action: 'Reject', operations: [{ setPriority: { value: 5 } }] }, ['operations']]],
    },
    'an operation is exactly one': {
      accepts: [{ operations: [{ addCommunity: { value: '1:2' } }, { prependASPath: { prefix: [65000] } }] }],
      refuses: [
        [{ operations: [{}] }, ['operations[0]']],
        [{ operations: [{ addCommunity: { value: '1:2' }, setPriority: { value: 5 } }] }, ['operations[0]']],
      ],
    },
    'at most 10 operations': {
      accepts: [{ operations: Array(10).fill({ setPriority: { value: 5 } }) }],
      refuses: [[{ operations: Array(11).fill({ setPriority: { value: 5 } }) }, ['operations']]],
    },
    'a path is prepended with 1 to 10 AS numbers': {
      accepts: [{ operations: [{ prependASPath: { prefix: Array(10).fill('1.10') } }] }],
      refuses: [
        [{ operations: [{ prependASPath: { prefix: [] } }] }, ['operations[0].prependASPath.prefix']],
        [{ operations: [{ prependASPath: { prefix: Array(11).fill(1) } }] }, ['operations[0].prependASPath.prefix']],
        [{ operations: [{ prependASPath: { prefix: ['x'] } }] }, ['operations[0].prependASPath.prefix[0]']],
      ],
    },
    'a community is added by its value': {
      accepts: [{ operations: [{ addCommunity: { value: '1:2:3' } }] }],
      refuses: [
        [{ operations: [{ addCommunity: {} }] }, ['operations[0].addCommunity.value']],
        [{ operations: [{ addCommunity: { value: '65536:1' } }] }, ['operations[0].addCommunity.value']],
      ],
    },
    'a priority is set to 1 to 2147483646': {
      accepts: [
        { operations: [{ setPriority: { value: 1 } }] },
        { operations: [{ setPriority: { value: 2147483646 } }] },
      ],
      refuses: [
        [{ operations: [{ setPriority: { value: 0 } }] }, ['operations[0].setPriority.value']],
        [{ operations: [{ setPriority: { value: 2147483647 } }] }, ['operations[0].setPriority.value']],
      ],
    },
    'communities matches exactly one value': {
      accepts: [{ communities: { values: ['1:2'] } }],
      refuses: [
        [{ communities: { values: [] } }, ['communities.values']],
        [{ communities: { values: ['1:2', '1:3'] } }, ['communities.values']],
        [{ communities: { values: ['x'] } }, ['communities.values[0]']],
      ],
    },
  });

  describeFields(ruleOf('importV4'), {
    action: [
      ['Accept', 'Reject'],
      ['accept', 'Drop'],
    ],
    source: [['RemotePeers', ''], ['Everywhere']],
    interface: [
      ['*', 'eth0', 'eth*', ''],
      ['a/b', 'sixteen-letters-'],
    ],
    peerType: [['eBGP', 'iBGP'], ['ebgp']],
    asPathPrefix: [[[65000, '1.10'], []], [['x']]],
    priority: [
      [1, 2147483646],
      [0, 2147483647],
    ],
  });

  describeFields(ruleOf('importV4', { cidr: '10.0.0.0/8' }), {
    matchOperator: [['Equal', 'NotEqual', 'In', 'NotIn'], ['Within']],
  });

  describeFields(ruleOf('exportV4', { matchOperator: 'In' }), {
    cidr: [
      ['10.0.0.0/8', '0.0.0.0/0', '10.0.0.1'],
      ['fd00::/8', '10.0.0.1/8', 'x'],
    ],
  });

  describe.each(['exportV6', 'importV6'] as const)('in %s', (list) => {
    describeFields(ruleOf(list, { matchOperator: 'NotIn' }), {
      cidr: [
        ['fd00::/8', '::/0', 'fd00::1'],
        ['10.0.0.0/8', 'fd00::1/8'],
      ],
    });
    describeFields(ruleOf(list, { matchOperator: 'NotIn', cidr: 'fd00::/8' }), {
      prefixLength: [
        [{ min: 0, max: 128 }, { min: 64 }],
        [{ min: 129 }, { max: -1 }, { min: 65, max: 64 }],
      ],
    });
  });
});
