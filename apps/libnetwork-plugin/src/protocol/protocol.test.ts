import { describe, expect, test } from 'vitest';
import { parseIp } from '@calico-node/net';
import { parseReleaseAddress, parseRequestAddress, parseRequestPool } from './ipam-requests.ts';
import { endpointLabels, labelsIn, unsupportedOptions } from './network-options.ts';
import { parseCreateEndpoint, parseCreateNetwork, parseEndpointRequest, parseJoin } from './network-requests.ts';
import { joinReply } from './replies.ts';

const id = 'f70c88f069289172a9d03d6788b535f66a4bc6c95e9ff73fe05947e0724a8e5b';
const other = '357aa996c308046cc58da72f3f19dc5a0e76f330552d970517fc257aa96d2508';

describe('a request of the network driver', () => {
  test('to create a network is read as Docker 20.10 sends it', () => {
    const body = {
      NetworkID: other,
      Options: { 'com.docker.network.enable_ipv6': false, 'com.docker.network.generic': {} },
      IPv4Data: [
        { AddressSpace: 'CalicoLocalAddressSpace', Gateway: '0.0.0.0/0', Pool: '10.81.0.0/24', AuxAddresses: {} },
      ],
      IPv6Data: null,
    };
    expect(parseCreateNetwork(body)).toEqual({
      networkId: other,
      options: body.Options,
      ipv4: [{ addressSpace: 'CalicoLocalAddressSpace', pool: '10.81.0.0/24', gateway: '0.0.0.0/0' }],
      ipv6: [],
    });
  });

  test('to create an endpoint gives the addresses without their prefix lengths', () => {
    const body = {
      NetworkID: other,
      EndpointID: id,
      Interface: { Address: '10.81.0.5/32', AddressIPv6: 'fd81::5/128', MacAddress: '02:00:00:00:00:01' },
      Options: { 'com.docker.network.endpoint.exposedports': [] },
    };
    expect(parseCreateEndpoint(body)).toMatchObject({
      networkId: other,
      endpointId: id,
      addresses: ['10.81.0.5', 'fd81::5'],
      mac: '02:00:00:00:00:01',
    });
    expect(parseCreateEndpoint({ NetworkID: other, EndpointID: id, Interface: null })).toMatchObject({
      addresses: [],
      mac: undefined,
    });
  });

  test('to join names the sandbox', () => {
    const body = { NetworkID: other, EndpointID: id, SandboxKey: '/var/run/docker/netns/1', Options: null };
    expect(parseJoin(body)).toEqual({ networkId: other, endpointId: id, sandbox: '/var/run/docker/netns/1' });
  });

  test.each([
    [undefined, /NetworkID ''/],
    [[], /not an object/],
    [{ NetworkID: 1 }, /NetworkID is not a string/],
    [{ NetworkID: '../../etc/passwd' }, /is not an identifier/],
    [{ NetworkID: other, EndpointID: `${id}/x` }, /EndpointID/],
    [{ NetworkID: other, EndpointID: 'short' }, /EndpointID/],
  ])('that is not what the protocol says is refused: %j', (body, message) => {
    expect(() => parseEndpointRequest(body)).toThrow(message);
  });

  test('with an address that is none is refused', () => {
    const body = { NetworkID: other, EndpointID: id, Interface: { Address: '10.81.0.500/32' } };
    expect(() => parseCreateEndpoint(body)).toThrow(/Interface: .*10\.81\.0\.500/);
  });
});

describe('a request of the IPAM driver', () => {
  test('for a pool takes a subnet, masked, or none', () => {
    expect(parseRequestPool({ AddressSpace: 's', Pool: '10.81.0.7/24', SubPool: '', Options: {}, V6: false })).toEqual({
      family: 4,
      pool: '10.81.0.0/24',
    });
    expect(parseRequestPool({ V6: true })).toEqual({ family: 6, pool: undefined });
  });

  test('for what Calico has not is refused, in the words of the command line', () => {
    expect(() => parseRequestPool({ Pool: '10.0.0.0/8', SubPool: '10.1.0.0/16' })).toThrow('--ip-range');
    expect(() => parseRequestPool({ Options: { b: '1', a: '2' } })).toThrow('option a, b');
    expect(() => parseRequestPool({ Pool: 'ten' })).toThrow('--subnet');
    const gateway = { RequestAddressType: 'com.docker.network.gateway' };
    expect(() => parseRequestAddress({ PoolID: 'p', Options: gateway })).toThrow('--gateway');
  });

  test('for an address takes the one that is wanted', () => {
    expect(parseRequestAddress({ PoolID: 'red', Address: '', Options: null })).toEqual({
      poolId: 'red',
      address: undefined,
    });
    expect(parseRequestAddress({ PoolID: 'red', Address: '10.81.0.9' }).address).toBe('10.81.0.9');
    expect(parseReleaseAddress({ PoolID: 'red', Address: '10.81.0.9/32' })).toBe('10.81.0.9');
    expect(() => parseReleaseAddress({ PoolID: 'red' })).toThrow('Address');
  });
});

test('options that would have no effect are named; unset ones and IPv6 are none', () => {
  expect(
    unsupportedOptions({
      'com.docker.network.enable_ipv6': true,
      'com.docker.network.internal': true,
      'com.docker.network.empty': '',
      'com.docker.network.generic': { mtu: '9000', off: false, nothing: null },
    }),
  ).toEqual(['com.docker.network.internal', 'mtu']);
  expect(unsupportedOptions({ 'com.docker.network.generic': null })).toEqual([]);
});

test('labels are what bears the prefix, as a string', () => {
  const label = 'org.projectcalico.label.';
  expect(labelsIn({ [`${label}app`]: 'web', [label]: 'x', [`${label}n`]: 1, app: 'no' })).toEqual({ app: 'web' });
  expect(endpointLabels({ [`${label}a`]: '1', 'com.docker.network.generic': { [`${label}b`]: '2' } })).toEqual({
    a: '1',
    b: '2',
  });
});

test('the reply to Join is the interface, the gateways and the routes to them', () => {
  const common = { temporaryName: 'tempf70c88f0692', prefix: 'cali' };
  expect(joinReply({ ...common, hasIpv4: true, ipv6Gateway: parseIp('fe80::ecee:eeff:feee:eeee') })).toEqual({
    InterfaceName: { SrcName: 'tempf70c88f0692', DstPrefix: 'cali' },
    Gateway: '169.254.1.1',
    GatewayIPv6: 'fe80::ecee:eeff:feee:eeee',
    StaticRoutes: [
      { Destination: '169.254.1.1/32', RouteType: 1 },
      { Destination: 'fe80::ecee:eeff:feee:eeee/128', RouteType: 1 },
    ],
  });
  expect(joinReply({ ...common, hasIpv4: true, ipv6Gateway: undefined })).toEqual({
    InterfaceName: { SrcName: 'tempf70c88f0692', DstPrefix: 'cali' },
    Gateway: '169.254.1.1',
    StaticRoutes: [{ Destination: '169.254.1.1/32', RouteType: 1 }],
  });
});
