import { describe, expect, it } from 'vitest';
import { encodeResource, parseResource } from '../resource-codec.ts';
import { document, problemPathsOf } from '../testing/documents.ts';
import { describeFields, describeRules, specOf, type Subject } from '../testing/rules.ts';

const bgp: Subject = {
  document: (given) => document('Node', { bgp: { asNumber: 64512, ...given } }),
  path: 'spec.bgp',
};

describe('Node', () => {
  describeRules(specOf('Node'), {
    'bgp says something': {
      accepts: [{}, { bgp: { asNumber: 64512 } }, { bgp: { ipv4Address: '10.0.0.1/24' } }],
      refuses: [
        [{ bgp: {} }, ['bgp']],
        [{ bgp: { ipv4Address: '' } }, ['bgp']],
      ],
    },
    'an orchestrator reference names the orchestrator': {
      accepts: [{ orchRefs: [{ nodeName: 'n', orchestrator: 'k8s' }] }, { orchRefs: [{ orchestrator: 'k8s' }] }],
      refuses: [[{ orchRefs: [{ nodeName: 'n' }] }, ['orchRefs[0].orchestrator']]],
    },
    'an address has a type that is known': {
      accepts: [
        {
          addresses: [
            { address: '10.0.0.1', type: 'CalicoNodeIP' },
            { address: '10.0.0.1', type: 'InternalIP' },
          ],
        },
        { addresses: [{ address: '192.0.2.1', type: 'ExternalIP' }, { address: '10.0.0.1' }] },
      ],
      refuses: [
        [{ addresses: [{ address: '10.0.0.1', type: 'Home' }] }, ['addresses[0].type']],
        [{ addresses: [{ type: 'InternalIP' }] }, ['addresses[0].address']],
      ],
    },
    'interfaces have addresses': {
      accepts: [{ interfaces: [{ name: 'eth0', addresses: ['10.0.0.1', 'fd00::1'] }] }],
      refuses: [[{ interfaces: [{ name: 'eth0', addresses: ['eth0'] }] }, ['interfaces[0].addresses[0]']]],
    },
    'wireguard has one address of each version': {
      accepts: [
        { wireguard: { interfaceIPv4Address: '10.0.0.1', interfaceIPv6Address: 'fd00::1' } },
        { wireguard: {} },
      ],
      refuses: [
        [{ wireguard: { interfaceIPv4Address: 'fd00::1' } }, ['wireguard.interfaceIPv4Address']],
        [{ wireguard: { interfaceIPv6Address: '10.0.0.1' } }, ['wireguard.interfaceIPv6Address']],
      ],
    },
  });

  describeFields(bgp, {
    ipv4Address: [
      ['10.0.0.1/24', '10.0.0.1', ''],
      ['fd00::1/64', '10.0.0.1/33', 'x'],
    ],
    ipv6Address: [['fd00::1/64', 'fd00::1'], ['10.0.0.1/24']],
    ipv4IPIPTunnelAddr: [
      ['10.0.0.1', ''],
      ['10.0.0.1/24', 'fd00::1'],
    ],
    routeReflectorClusterID: [
      ['1.2.3.4', ''],
      ['one', '1', 'fd00::1'],
    ],
    asNumber: [
      [64512, '1.10'],
      ['x', -1],
    ],
  });

  describeFields(specOf('Node'), {
    ipv4VXLANTunnelAddr: [
      ['10.0.0.1', ''],
      ['fd00::1', '10.0.0.1/32'],
    ],
    ipv6VXLANTunnelAddr: [['fd00::1', ''], ['10.0.0.1']],
    vxlanTunnelMACAddr: [
      [
        '66:00:00:00:00:01',
        '66-00-00-00-00-01',
        '6600.0000.0001',
        '66:00:00:00:00:00:00:01',
        '6600.0000.0000.0001',
        '',
      ],
      ['x', '66:00:00:00:00', '66:00-00:00:00:01', '66:00:00:00:00:01:02', '660000000001'],
    ],
    vxlanTunnelMACAddrV6: [['66:00:00:00:00:01'], ['66']],
  });

  it('keeps an empty status, as Go prints it', () => {
    expect(encodeResource(parseResource(document('Node', {})))).toMatch(/,"spec":\{\},"status":\{\}\}$/);
  });

  it('has WireGuard keys of 32 bytes in its status', () => {
    const key = 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=';
    const withStatus = (status: object): object => ({ ...document('Node', {}), status });
    expect(
      problemPathsOf(withStatus({ wireguardPublicKey: key, wireguardPublicKeyV6: key, podCIDRs: ['10.0.0.0/24'] })),
    ).toEqual([]);
    expect(problemPathsOf(withStatus({ wireguardPublicKey: 'short=', wireguardPublicKeyV6: `${key}A` }))).toEqual([
      'status.wireguardPublicKey',
      'status.wireguardPublicKeyV6',
    ]);
  });
});
