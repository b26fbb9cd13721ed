import { describe, expect, it } from 'vitest';
import { parseResource } from '../resource-codec.ts';
import { document } from '../testing/documents.ts';
import { describeFields, describeRules, specOf } from '../testing/rules.ts';

const secret = { secretKeyRef: { name: 's', key: 'k' } };
const advertise = (...communities: string[]): object => ({
  prefixAdvertisements: [{ cidr: '10.0.0.0/8', communities }],
});
const list = (length: number): string[] => Array.from({ length }, (_, index) => `65000:${index}`);

describe('BGPConfiguration', () => {
  describeRules(specOf('BGPConfiguration'), {
    'nodeMeshPassword needs the mesh': {
      accepts: [{ nodeMeshPassword: secret }, { nodeMeshPassword: secret, nodeToNodeMeshEnabled: true }],
      refuses: [[{ nodeMeshPassword: secret, nodeToNodeMeshEnabled: false }, ['nodeMeshPassword']]],
    },
    'nodeMeshMaxRestartTime needs the mesh': {
      accepts: [{ nodeMeshMaxRestartTime: '2m' }, { nodeMeshMaxRestartTime: '2m', nodeToNodeMeshEnabled: true }],
      refuses: [[{ nodeMeshMaxRestartTime: '2m', nodeToNodeMeshEnabled: false }, ['nodeMeshMaxRestartTime']]],
    },
    'communities need prefixAdvertisements': {
      accepts: [{ communities: [{ name: 'c', value: '65000:1' }], ...advertise('c') }],
      refuses: [[{ communities: [{ name: 'c', value: '65000:1' }] }, ['communities']]],
    },
    'a community value is aa:nn of 16 bits or aa:nn:mm of 32 bits': {
      accepts: [
        { communities: [{ name: 'c', value: '65535:65535' }], ...advertise() },
        { communities: [{ name: 'c', value: '4294967295:0:4294967295' }], ...advertise() },
      ],
      refuses: [
        [{ communities: [{ name: 'c', value: '65536:1' }], ...advertise() }, ['communities[0].value']],
        [{ communities: [{ name: 'c', value: '1:65536' }], ...advertise() }, ['communities[0].value']],
        [{ communities: [{ name: 'c', value: '1:2:4294967296' }], ...advertise() }, ['communities[0].value']],
        [{ communities: [{ name: 'c', value: '1' }], ...advertise() }, ['communities[0].value']],
        [{ communities: [{ name: 'c', value: 'a:b' }], ...advertise() }, ['communities[0].value']],
        [{ communities: [{ name: 'c', value: '1:2:3:4' }], ...advertise() }, ['communities[0].value']],
        [{ communities: [{ name: 'c' }], ...advertise() }, ['communities[0].value']],
        [{ communities: [{ value: '1:2' }], ...advertise() }, ['communities[0].name']],
      ],
    },
    'a prefix is advertised with community values or names that are defined': {
      accepts: [advertise('65000:1', '1:2:3'), { communities: [{ name: 'c', value: '1:2' }], ...advertise('c') }],
      refuses: [
        [advertise('unknown'), ['prefixAdvertisements[0].communities[0]']],
        [
          { communities: [{ name: 'c', value: '1:2' }], ...advertise('c', 'd') },
          ['prefixAdvertisements[0].communities[1]'],
        ],
      ],
    },
    'a prefix advertisement has a network, host bits allowed': {
      accepts: [{ prefixAdvertisements: [{ cidr: '10.0.0.1/8' }] }, { prefixAdvertisements: [{ cidr: 'fd00::1' }] }],
      refuses: [
        [{ prefixAdvertisements: [{}] }, ['prefixAdvertisements[0].cidr']],
        [{ prefixAdvertisements: [{ cidr: 'x' }] }, ['prefixAdvertisements[0].cidr']],
      ],
    },
    'at most 500 communities': {
      accepts: [{ communities: list(500).map((value) => ({ name: value, value })), ...advertise() }],
      refuses: [[{ communities: list(501).map((value) => ({ name: value, value })), ...advertise() }, ['communities']]],
    },
    'at most 500 prefixes': {
      accepts: [{ prefixAdvertisements: list(500).map(() => ({ cidr: '10.0.0.0/8' })) }],
      refuses: [[{ prefixAdvertisements: list(501).map(() => ({ cidr: '10.0.0.0/8' })) }, ['prefixAdvertisements']]],
    },
    'at most 50 communities for a prefix': {
      accepts: [advertise(...list(50))],
      refuses: [[advertise(...list(51)), ['prefixAdvertisements[0].communities']]],
    },
    'a password names a key': {
      accepts: [{ nodeMeshPassword: secret }, { nodeMeshPassword: { secretKeyRef: { key: 'k', optional: true } } }],
      refuses: [[{ nodeMeshPassword: { secretKeyRef: { name: 's' } } }, ['nodeMeshPassword.secretKeyRef.key']]],
    },
  });

  describeFields(specOf('BGPConfiguration'), {
    logSeverityScreen: [
      ['Trace', 'Debug', 'Info', 'Warning', 'Error', 'Fatal', 'info', 'DEBUG', ''],
      ['None', 'Loud'],
    ],
    nodeToNodeMeshEnabled: [[true, false], ['yes']],
    asNumber: [
      [0, 64512, 4294967295, '64512', '1.10', '65535.65535'],
      [-1, 4294967296, '1.65536', '65536.1', '', 'AS1', 1.5, true],
    ],
    serviceLoadBalancerIPs: [
      [[{ cidr: '192.0.2.0/24' }], [{ cidr: '192.0.2.1' }], []],
      [[{ cidr: 'x' }], ['192.0.2.0/24']],
    ],
    serviceExternalIPs: [[[{ cidr: 'fd00::/64' }]], [[{ cidr: '192.0.2.0/33' }]]],
    serviceClusterIPs: [[[{ cidr: '10.96.0.0/12' }, { cidr: 'fd00::/108' }]], [[{ cidr: 'x' }], [{ network: 'x' }]]],
    serviceLoadBalancerAggregation: [['Enabled', 'Disabled'], ['Partly']],
    listenPort: [
      [0, 179, 65535],
      [-1, 65536, '179'],
    ],
    nodeMeshMaxRestartTime: [
      ['90s', '1h30m', '0'],
      ['90', 90, 'soon'],
    ],
    bindMode: [['None', 'NodeIP'], ['All']],
    ignoredInterfaces: [[['eth0', 'eth*', 'a_b-c.d', '***']], [['*'], ['a/b'], ['sixteen-letters-'], ['']]],
    localWorkloadPeeringIPV4: [
      ['192.0.2.1', ''],
      ['fd00::1', '192.0.2.0/24', 'x'],
    ],
    localWorkloadPeeringIPV6: [['fd00::1', ''], ['192.0.2.1']],
    programClusterRoutes: [['Enabled', 'Disabled', 'EnabledIPIPOnly', 'EnabledNoEncapOnly'], ['true']],
    ipv4NormalRoutePriority: [
      [1, 2147483646],
      [0, 2147483647],
    ],
    ipv6NormalRoutePriority: [
      [1, 2147483646],
      [0, 2147483647],
    ],
  });

  describe('of a node', () => {
    const ofNode = specOf('BGPConfiguration', {}, { name: 'node.n1' });
    describeRules(ofNode, {
      'leaves the cluster-wide settings to "default"': {
        accepts: [
          { logSeverityScreen: 'Debug', listenPort: 1179, bindMode: 'NodeIP', ignoredInterfaces: ['lo'] },
          advertise('1:2'),
        ],
        refuses: [
          [{ nodeToNodeMeshEnabled: true }, ['nodeToNodeMeshEnabled']],
          [{ asNumber: 64512 }, ['asNumber']],
          [{ serviceLoadBalancerIPs: [{ cidr: '192.0.2.0/24' }] }, ['serviceLoadBalancerIPs']],
          [{ serviceExternalIPs: [{ cidr: '192.0.2.0/24' }] }, ['serviceExternalIPs']],
          [{ serviceClusterIPs: [{ cidr: '192.0.2.0/24' }] }, ['serviceClusterIPs']],
          [{ nodeMeshPassword: secret }, ['nodeMeshPassword']],
          [{ nodeMeshMaxRestartTime: '1m' }, ['nodeMeshMaxRestartTime']],
        ],
      },
    });
  });

  it('is stored with the defaults of the CRD', () => {
    expect(parseResource(document('BGPConfiguration', {})).spec).toEqual({
      logSeverityScreen: 'Info',
      serviceLoadBalancerAggregation: 'Enabled',
    });
  });

  it('keeps AS numbers as numbers and durations as Go prints them', () => {
    const { spec } = parseResource(document('BGPConfiguration', { asNumber: '1.10', nodeMeshMaxRestartTime: '90s' }));
    expect(spec).toMatchObject({ asNumber: 65546, nodeMeshMaxRestartTime: '1m30s' });
  });
});
