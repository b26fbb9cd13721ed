import type { FelixConfiguration } from '@calico-node/model';
import { describe, expect, test } from 'vitest';
import { resolveParameters } from './resolve.ts';
import { fromEnvironment, fromFile, fromResource } from './sources.ts';

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

  test('names what cannot be read, where, and what is allowed, and falls through to the next source', () => {
    const { values, problems } = resolveParameters([
      fromEnvironment({ FELIX_VXLANPORT: '99999', FELIX_DEFAULTENDPOINTTOHOSTACTION: 'none' }),
      fromResource(resource('default', { vxlanPort: 4791 })),
    ]);
    expect(values.VXLANPort).toBe(4791);
    expect(problems).toEqual([
      expect.objectContaining({ parameter: 'DefaultEndpointToHostAction', fatal: true }),
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
    ['FELIX_NATPORTRANGE', '1000:2000', { NATPortRange: { first: 1000, last: 2000 } }],
    ['FELIX_VXLANENABLED', 'false', { VXLANEnabled: false }],
    ['FELIX_VXLANTUNNELMACADDR', '66:00:00:00:00:01', { VXLANTunnelMACAddr: '66:00:00:00:00:01' }],
    ['FELIX_EXTERNALNODESCIDRLIST', '192.0.2.1, fd00::/64', { ExternalNodesCIDRList: ['192.0.2.1/32', 'fd00::/64'] }],
    ['FELIX_ROUTESOURCE', 'workloadips', { RouteSource: 'WorkloadIPs' }],
    ['FELIX_FLOATINGIPS', 'none', { FloatingIPs: 'Disabled' }],
    ['FELIX_SERVICELOOPPREVENTION', 'None', { ServiceLoopPrevention: 'Disabled' }],
    ['FELIX_NATPORTRANGE', '1000', { NATPortRange: { first: 1000, last: 1000 } }],
  ])('reads %s=%s', (variable, value, expected) => {
    expect(resolveParameters([fromEnvironment({ [variable]: value })]).values).toMatchObject(expected);
  });

  test.each([
    ['NATPortRange', '2000:1000', 'it takes a port or a range of them such as 30000:32767'],
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
});
