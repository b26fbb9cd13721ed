import type { FelixConfiguration } from '@calico-node/model';
import { describe, expect, test } from 'vitest';
import { resolveParameters } from './resolve.ts';
import { fromCluster, fromEnvironment, fromFile, fromResource } from './sources.ts';

const resource = (name: string, spec: FelixConfiguration['spec']): FelixConfiguration => ({
  kind: 'FelixConfiguration',
  apiVersion: 'projectcalico.org/v3',
  metadata: { name },
  spec,
});

describe('resolveParameters', () => {
  test('gives Calico’s defaults when nobody says anything', () => {
    const { values, problems, origins } = resolveParameters([]);
    expect(values).toMatchObject({ InterfacePrefix: ['cali'], DefaultEndpointToHostAction: 'DROP', HealthPort: 9099 });
    expect([problems, origins.size]).toEqual([[], 0]);
  });

  test('the environment wins over the file, the file over the node’s resource, that over the global one', () => {
    const { values, origins } = resolveParameters([
      fromEnvironment({ FELIX_LOGPREFIX: 'env' }),
      fromFile('/etc/calico/felix.cfg', '[global]\nLogPrefix = file\nVXLANPort = 4790 \n# HealthPort = 1\n'),
      fromResource(resource('node.n1', { vxlanPort: 4791, defaultEndpointToHostAction: 'Return' })),
      fromResource(resource('default', { defaultEndpointToHostAction: 'Accept', routeRefreshInterval: '1m30s' })),
    ]);
    expect(values).toMatchObject({
      LogPrefix: 'env',
      VXLANPort: 4790,
      DefaultEndpointToHostAction: 'RETURN',
      RouteRefreshInterval: 90,
      HealthPort: 9099,
    });
    expect(origins.get('DefaultEndpointToHostAction')).toBe('FelixConfiguration node.n1');
  });

  test('reads variables in any case, and takes an empty one for absent', () => {
    const { values } = resolveParameters([fromEnvironment({ Felix_Ipv6Support: 'false', FELIX_LOGPREFIX: '' })]);
    expect(values).toMatchObject({ Ipv6Support: false, LogPrefix: 'calico-packet' });
  });

  test('names what cannot be read, where, and what is allowed, and takes the default whatever comes after', () => {
    const { values, problems, origins } = resolveParameters([
      fromEnvironment({
        FELIX_VXLANPORT: '99999',
        FELIX_DEFAULTENDPOINTTOHOSTACTION: 'none',
        FELIX_MAXIPSETSIZE: 'None',
      }),
      fromResource(resource('default', { vxlanPort: 4791 })),
    ]);
    expect([values.VXLANPort, origins.has('VXLANPort')]).toEqual([4789, false]);
    expect(problems).toEqual([
      expect.objectContaining({ parameter: 'DefaultEndpointToHostAction', fatal: true }),
      expect.objectContaining({ parameter: 'MaxIpsetSize', fatal: true }),
      {
        parameter: 'VXLANPort',
        source: 'the environment',
        value: '99999',
        message: 'it takes a whole number from 1 to 65535',
        fatal: false,
      },
    ]);
  });

  test.each([
    ['FELIX_NFTABLESMARKMASK', '0xff000000', { NftablesMarkMask: 0xff000000 }],
    ['FELIX_INTERFACEPREFIX', 'cali,tap', { InterfacePrefix: ['cali', 'tap'] }],
    ['FELIX_REPORTINGINTERVALSECS', 'none', { ReportingIntervalSecs: 0 }],
    ['FELIX_DEVICEROUTESOURCEADDRESS', '10.0.0.1', { DeviceRouteSourceAddress: '10.0.0.1' }],
    [
      'FELIX_KUBENODEPORTRANGES',
      '30000:32767, 80',
      {
        KubeNodePortRanges: [
          { first: 30000, last: 32767 },
          { first: 80, last: 80 },
        ],
      },
    ],
    ['FELIX_KUBENODEPORTRANGES', 'none', { KubeNodePortRanges: [] }],
    ['FELIX_NATPORTRANGE', '1000:2000', { NATPortRange: { first: 1000, last: 2000 } }],
    ['FELIX_VXLANENABLED', 'false', { VXLANEnabled: false }],
    ['FELIX_VXLANTUNNELMACADDR', '66:00:00:00:00:01', { VXLANTunnelMACAddr: '66:00:00:00:00:01' }],
    ['FELIX_EXTERNALNODESCIDRLIST', '192.0.2.1, fd00::/64', { ExternalNodesCIDRList: ['192.0.2.1/32', 'fd00::/64'] }],
    ['FELIX_ROUTESOURCE', 'workloadips', { RouteSource: 'WorkloadIPs' }],
    ['FELIX_FLOATINGIPS', 'none', { FloatingIPs: 'Disabled' }],
    ['FELIX_SERVICELOOPPREVENTION', 'None', { ServiceLoopPrevention: 'Disabled' }],
    ['FELIX_NATPORTRANGE', '1000', { NATPortRange: { first: 1000, last: 1000 } }],
    ['FELIX_FAILSAFEINBOUNDHOSTPORTS', 'none', { FailsafeInboundHostPorts: [] }],
    ['FELIX_VXLANPORT', '0x1_2b6', { VXLANPort: 4790 }],
    ['FELIX_VXLANPORT', '+0b1000', { VXLANPort: 8 }],
    ['FELIX_VXLANPORT', '010', { VXLANPort: 8 }],
    ['FELIX_ROUTEREFRESHINTERVAL', '1.5e1', { RouteRefreshInterval: 15 }],
    ['FELIX_ROUTEREFRESHINTERVAL', '.5', { RouteRefreshInterval: 0.5 }],
    ['FELIX_ROUTEREFRESHINTERVAL', '-1', { RouteRefreshInterval: 0 }],
    ['FELIX_ROUTETABLERANGES', '4294967290-4294967295, 5-9', { RouteTableRanges: '4294967290-4294967295, 5-9' }],
  ])('reads %s=%s', (variable, value, expected) => {
    expect(resolveParameters([fromEnvironment({ [variable]: value })]).values).toMatchObject(expected);
  });

  test.each([
    ['KubeNodePortRanges', '1000:2000,x', 'it takes ports or ranges such as 30000:32767, separated by commas'],
    ['NATPortRange', '2000:1000', 'it takes a port or a range of them such as 30000:32767'],
    ['VXLANPort', '08', 'it takes a whole number from 1 to 65535'],
    ['VXLANPort', '1__0', 'it takes a whole number from 1 to 65535'],
    ['RouteRefreshInterval', '1m30s', 'it takes seconds, such as 90 or 0.5'],
    ['RouteTableRange', '1-255', 'it takes one range of route tables from 1 to 250, such as 1-250'],
    ...['0-5', '9-5', '1-100000000', '4294967295-4294967296', 'abcde'].map((ranges) => [
      'RouteTableRanges',
      ranges,
      'it takes ranges of at most 65535 route tables, such as 1-250, separated by commas',
    ]),
    ...['RegionOne', 'us/east', 'my_region', 'a'.repeat(47)].map((name) => [
      'OpenstackRegion',
      name,
      'it takes a name of small letters, digits and - with at most 46 characters',
    ]),
    ['NATOutgoingAddress', 'fd00::1', 'it takes an IPv4 address'],
    [
      'IptablesNATOutgoingInterfaceFilter',
      'a name with spaces',
      'it takes an interface name of at most 15 characters, + at its end for any',
    ],
  ])('refuses %s=%s, and says what is allowed', (parameter, value, message) => {
    const { problems } = resolveParameters([fromEnvironment({ [`FELIX_${parameter}`]: value })]);
    expect(problems).toEqual([expect.objectContaining({ parameter, value, message })]);
  });

  test('an empty list in a resource is none, not the default', () => {
    const { values } = resolveParameters([fromResource(resource('default', { failsafeInboundHostPorts: [] }))]);
    expect(values.FailsafeInboundHostPorts).toEqual([]);
    expect(values.FailsafeOutboundHostPorts).not.toEqual([]);
  });

  test('annotations of a resource go before its fields, but say nothing of where the store is', () => {
    const { metadata, ...others } = resource('default', { vxlanPort: 4791 });
    const annotations = {
      'config.projectcalico.org/VXLANPort': '4792',
      'config.projectcalico.org/debugpanicafter': '5',
      'config.projectcalico.org/EtcdAddr': 'elsewhere:1',
      'config.projectcalico.org/Bogus': '1',
      'other.org/VXLANVNI': '7',
    };
    const { values, idle } = resolveParameters([fromResource({ ...others, metadata: { ...metadata, annotations } })]);
    expect(values).toMatchObject({ VXLANPort: 4792, DebugPanicAfter: 5, EtcdAddr: '127.0.0.1:2379', VXLANVNI: 4096 });
    const source = 'FelixConfiguration default';
    expect(idle).toEqual([
      { name: 'config.projectcalico.org/EtcdAddr', source, reason: 'Felix has no such parameter' },
      { name: 'config.projectcalico.org/Bogus', source, reason: 'Felix has no such parameter' },
    ]);
  });

  test('a default that a more specific resource spells out is told of, where it hides something else', () => {
    const node = resource('node.n1', { floatingIPs: 'Disabled', nftablesMode: 'Enabled' });
    const cluster = resource('default', { floatingIPs: 'Enabled', nftablesMode: 'Disabled' });
    const { values, idle } = resolveParameters([fromResource(node), fromResource(cluster)]);
    expect(values).toMatchObject({ FloatingIPs: 'Disabled', NFTablesMode: 'Enabled' });
    const reason = "it is 'Enabled', but FelixConfiguration node.n1 has the default, and goes before it";
    expect(idle).toEqual([{ name: 'FloatingIPs', source: 'FelixConfiguration default', reason }]);
  });

  test('of the cluster’s types only those that mean something are taken', () => {
    const of = (clusterType: string) =>
      resolveParameters([
        fromCluster({
          ...{ kind: 'ClusterInformation', apiVersion: 'projectcalico.org/v3', metadata: { name: 'default' } },
          spec: { clusterType },
        }),
      ]);
    expect(of('k8s,bgp').origins.size).toBe(0);
    expect(of('k8s,OpenStack,bgp').values.ClusterType).toBe('OpenStack');
    expect(resolveParameters([fromCluster(undefined)]).values.ClusterType).toBe('');
  });

  test('a file is read as Calico reads it: comments behind values, quotes, colons, any section; nothing else', () => {
    const lines = [
      '\uFEFF[a]',
      'VXLANPort: 4790 ; why',
      '[b] # more',
      'LogPrefix = "two words"',
      "logseverityfile='debug'",
      '',
    ];
    expect(resolveParameters([fromFile('felix.cfg', lines.join('\r\n'))]).values).toMatchObject({
      VXLANPort: 4790,
      LogPrefix: 'two words',
      LogSeverityFile: 'DEBUG',
    });
    expect(() => fromFile('felix.cfg', '[a]\nVXLANPort 4790\n')).toThrow(
      "felix.cfg, line 2: 'VXLANPort 4790' is neither `Name = value` nor `[section]`",
    );
  });
});
