import { ConfigError } from '@calico-node/service';
import { describe, expect, test } from 'vitest';
import { readStartupConfig } from './startup-config.ts';

function problemsOf(env: Record<string, string>): string {
  try {
    readStartupConfig(env);
    return '';
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
}

describe('the start-up environment', () => {
  test('has the defaults of calico/node', () => {
    expect(readStartupConfig({})).toMatchObject({
      backend: 'native',
      ipv4: { kind: 'unset' },
      ipv6: { kind: 'unset' },
      ipv4Method: { kind: 'first-found' },
      checkConflicts: true,
      asNumber: undefined,
      waitForDatastore: false,
      pools: [
        {
          family: 4,
          cidr: undefined,
          blockSize: 26,
          ipipMode: 'Never',
          vxlanMode: 'Never',
          natOutgoing: true,
          nodeSelector: 'all()',
          disableBgpExport: false,
        },
        { family: 6, cidr: undefined, blockSize: 122, natOutgoing: false },
      ],
    });
  });

  test('treats an empty variable as absent', () => {
    expect(readStartupConfig({ IP: '', AS: '', CALICO_IPV4POOL_CIDR: '' })).toEqual(readStartupConfig({}));
  });

  test.each([
    ['IP', 'autodetect', { ipv4: { kind: 'autodetect' } }],
    ['IP', 'none', { ipv4: { kind: 'none' } }],
    ['IP', '10.0.0.5', { ipv4: { kind: 'address', ip: '10.0.0.5', prefixLength: undefined } }],
    ['IP', '10.0.0.5/24', { ipv4: { kind: 'address', ip: '10.0.0.5', prefixLength: 24 } }],
    ['IP6', 'fd00::5/64', { ipv6: { kind: 'address', ip: 'fd00::5', prefixLength: 64 } }],
    ['AS', '65001', { asNumber: 65001 }],
    ['AS', '1.10', { asNumber: 65546 }],
    ['DISABLE_NODE_IP_CHECK', 'true', { checkConflicts: false }],
    ['WAIT_FOR_DATASTORE', 'Yes', { waitForDatastore: true }],
    ['CALICO_NETWORKING', 'false', { backend: 'none' }],
    ['CALICO_NETWORKING_BACKEND', 'bird', { backend: 'native' }],
    ['CALICO_NETWORKING_BACKEND', 'vxlan', { backend: 'vxlan' }],
    ['CALICO_NETWORKING_BACKEND', 'none', { backend: 'none' }],
    ['CLUSTER_TYPE', 'lab,bgp', { clusterType: 'lab,bgp' }],
    ['CALICO_K8S_NODE_REF', 'kn1', { kubernetesNodeRef: 'kn1' }],
    ['IP_AUTODETECTION_METHOD', 'can-reach=8.8.8.8', { ipv4Method: { kind: 'can-reach', destination: '8.8.8.8' } }],
    ['IP6_AUTODETECTION_METHOD', 'cidr=fd00::/8', { ipv6Method: { kind: 'cidr', cidrs: ['fd00::/8'] } }],
  ] as const)('%s=%s is understood', (name, value, expected) => {
    expect(readStartupConfig({ [name]: value })).toMatchObject(expected);
  });

  test('describes the default pools', () => {
    const { pools } = readStartupConfig({
      CALICO_IPV4POOL_CIDR: '10.244.0.0/16',
      CALICO_IPV4POOL_BLOCK_SIZE: '24',
      CALICO_IPV4POOL_IPIP: 'cross-subnet',
      CALICO_IPV4POOL_NAT_OUTGOING: 'no',
      CALICO_IPV4POOL_NODE_SELECTOR: 'zone == "west"',
      CALICO_IPV4POOL_DISABLE_BGP_EXPORT: '1',
      CALICO_IPV6POOL_CIDR: 'none',
    });
    expect(pools).toEqual([
      {
        family: 4,
        cidr: '10.244.0.0/16',
        isDisabled: false,
        blockSize: 24,
        ipipMode: 'CrossSubnet',
        vxlanMode: 'Never',
        natOutgoing: false,
        nodeSelector: 'zone == "west"',
        disableBgpExport: true,
      },
    ]);
  });

  test('makes no pools with NO_DEFAULT_POOLS', () => {
    expect(readStartupConfig({ NO_DEFAULT_POOLS: 'true' }).pools).toEqual([]);
  });

  test.each([
    ['IP', '10.0.0.256', 'autodetect, none, an IPv4 address'],
    ['IP', 'fd00::1', 'an IPv4 address'],
    ['IP6', '10.0.0.1', 'an IPv6 address'],
    ['IP_AUTODETECTION_METHOD', 'can-reach', 'can-reach=DESTINATION'],
    ['IP_AUTODETECTION_METHOD', 'interface=[', 'interface=REGEX'],
    ['IP_AUTODETECTION_METHOD', 'cidr=10.0.0.0', 'cidr=CIDR'],
    ['IP6_AUTODETECTION_METHOD', 'best', 'first-found'],
    ['AS', '4294967296', '1 to 4294967295'],
    ['WAIT_FOR_DATASTORE', 'maybe', 'one of true'],
    ['DISABLE_NODE_IP_CHECK', 'on', 'one of true'],
    ['NO_DEFAULT_POOLS', '2', 'one of true'],
    ['CALICO_NETWORKING_BACKEND', 'ospf', 'one of bird, native, vxlan, none'],
    ['CALICO_ROUTER_ID', 'fd00::1', 'hash or an IPv4 address'],
    ['AUTODETECT_POLL_INTERVAL', '60', 'a duration'],
    ['CALICO_IPV4POOL_CIDR', '10.0.0.0', 'none or an IPv4 network'],
    ['CALICO_IPV4POOL_CIDR', 'fd00::/48', 'none or an IPv4 network'],
    ['CALICO_IPV6POOL_CIDR', '10.0.0.0/8', 'none or an IPv6 network'],
    ['CALICO_IPV4POOL_BLOCK_SIZE', '19', 'from 20 to 32'],
    ['CALICO_IPV6POOL_BLOCK_SIZE', '64', 'from 116 to 128'],
    ['CALICO_IPV4POOL_IPIP', 'Sometimes', 'one of Always, CrossSubnet, Never, Off'],
    ['CALICO_IPV4POOL_VXLAN', 'x', 'one of Always, CrossSubnet, Never, Off'],
    ['CALICO_IPV6POOL_VXLAN', 'x', 'one of Always, CrossSubnet, Never, Off'],
    ['CALICO_IPV4POOL_NAT_OUTGOING', 'x', 'one of true'],
    ['CALICO_IPV4POOL_NODE_SELECTOR', 'zone ==', 'a selector'],
    ['CALICO_IPV4POOL_DISABLE_BGP_EXPORT', 'x', 'one of true'],
    ['CALICO_IPV4POOL_CIRD', '10.0.0.0/8', 'unknown variable'],
    ['CALICO_IPV6POOL_IPIP', 'Always', 'unknown variable'],
  ])('%s=%s is refused with its name, the value and what is allowed', (name, value, allowed) => {
    const message = problemsOf({ [name]: value });
    expect(message).toContain(`${name}='${value}'`);
    expect(message).toContain(allowed);
  });

  test('names every mistake at once', () => {
    const message = problemsOf({ IP: 'x', AS: 'y', CALICO_IPV4POOL_BLOCK_SIZE: 'z' });
    expect(message.match(/must be/g)).toHaveLength(3);
  });

  test('refuses two encapsulations for one pool', () => {
    expect(problemsOf({ CALICO_IPV4POOL_IPIP: 'Always', CALICO_IPV4POOL_VXLAN: 'Always' })).toContain('VXLAN');
  });

  test('refuses a pool smaller than its blocks', () => {
    expect(problemsOf({ CALICO_IPV4POOL_CIDR: '10.0.0.0/28' })).toContain('CALICO_IPV4POOL_BLOCK_SIZE');
  });

  test('refuses NO_DEFAULT_POOLS together with a pool', () => {
    expect(problemsOf({ NO_DEFAULT_POOLS: 'true', CALICO_IPV4POOL_CIDR: '10.0.0.0/16' })).toContain('NO_DEFAULT_POOLS');
  });
});
