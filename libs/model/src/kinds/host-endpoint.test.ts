import { describe } from 'vitest';
import { document } from '../testing/documents.ts';
import { describeFields, describeRules, specOf, type Subject } from '../testing/rules.ts';

const port: Subject = {
  document: (given) =>
    document('HostEndpoint', {
      node: 'n',
      interfaceName: '*',
      ports: [{ name: 'http', protocol: 'TCP', port: 80, ...given }],
    }),
  path: 'spec.ports[0]',
};

describe('HostEndpoint', () => {
  describeRules(specOf('HostEndpoint', { node: 'n' }), {
    'node is required': {
      accepts: [{ node: 'n', interfaceName: 'eth0' }],
      refuses: [
        [{ node: undefined, interfaceName: 'eth0' }, ['node']],
        [{ node: '', interfaceName: 'eth0' }, ['node']],
      ],
    },
    'at least one of interfaceName and expectedIPs': {
      accepts: [
        { interfaceName: 'eth0' },
        { expectedIPs: ['10.0.0.1'] },
        { interfaceName: 'eth0', expectedIPs: ['10.0.0.1'] },
      ],
      refuses: [
        [{}, ['interfaceName']],
        [{ interfaceName: '', expectedIPs: [] }, ['interfaceName']],
      ],
    },
  });

  describeFields(specOf('HostEndpoint', { node: 'n', interfaceName: 'eth0' }), {
    interfaceName: [
      ['*', 'eth0', 'fifteen-letters', 'a_b.c'],
      ['sixteen-letters-', 'eth*', 'a/b', 'a b'],
    ],
    expectedIPs: [
      [['10.0.0.1', 'fd00::1'], []],
      [['10.0.0.0/8'], ['x'], '10.0.0.1'],
    ],
    profiles: [[['a', 'b'], []], ['a']],
  });

  describeFields(port, {
    name: [
      ['http', 'a', 'a-b-c', 'p1', 'fifteen-letters'],
      ['', undefined, 'a--b', '-a', 'a-', '123', 'UPPER', 'sixteen-letters-x', 'a_b'],
    ],
    protocol: [
      ['TCP', 'UDP', 'SCTP', 6, 17, 132, '6'],
      ['ICMP', 'UDPLite', 1, undefined, 'tcp'],
    ],
    port: [
      [1, 65535],
      [0, 65536, undefined, 'http'],
    ],
  });
});
