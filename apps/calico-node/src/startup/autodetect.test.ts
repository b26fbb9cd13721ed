import { parseInterfaceAddress, parseIp } from '@calico-node/net';
import { describe, expect, test } from 'vitest';
import { isGlobalUnicast, selectAddress, type Detection, type HostInterface } from './autodetect.ts';
import { parseDetectionMethod } from './detection-method.ts';

function host(index: number, name: string, ...addresses: string[]): HostInterface {
  return { index, name, isUp: true, addresses: addresses.map((text) => parseInterfaceAddress(text)) };
}

const interfaces: HostInterface[] = [
  host(1, 'lo', '127.0.0.1/8', '::1/128'),
  host(2, 'eth0', '10.0.0.5/24', 'fe80::1/64', 'fd00::5/64'),
  host(3, 'eth1', '192.168.5.1/16'),
  host(4, 'docker0', '172.17.0.1/16'),
  host(5, 'cali123', '169.254.0.1/32'),
  { ...host(6, 'eth2', '10.9.9.9/24'), isUp: false },
];

function detect(method: string, family: 4 | 6 = 4): Detection {
  const parsed = parseDetectionMethod(method)!;
  if (parsed.kind === 'can-reach' || parsed.kind === 'kubernetes-internal-ip') throw new Error('not local');
  return selectAddress(parsed, interfaces, family);
}

describe('autodetection', () => {
  test.each([
    ['first-found', 'eth1', '192.168.5.1', 16],
    ['interface=eth0', 'eth0', '10.0.0.5', 24],
    ['interface=docker.*,eth0', 'docker0', '172.17.0.1', 16],
    ['skip-interface=eth1', 'eth0', '10.0.0.5', 24],
    ['cidr=10.0.0.0/8,172.16.0.0/12', 'eth0', '10.0.0.5', 24],
  ])('%s finds %s', (method, interfaceName, ip, prefixLength) => {
    expect(detect(method)).toMatchObject({ found: true, interfaceName, address: { ip, prefixLength } });
  });

  test('takes no link-local address of the other family', () => {
    expect(detect('first-found', 6)).toMatchObject({ found: true, address: { ip: 'fd00::5' } });
  });

  test('says where it looked when it finds nothing', () => {
    expect(detect('cidr=100.64.0.0/10')).toEqual({
      found: false,
      reason: 'no usable IPv4 address on eth1 (192.168.5.1), eth0 (10.0.0.5 fe80::1 fd00::5)',
    });
    expect(detect('interface=wlan0')).toMatchObject({
      reason: 'no usable IPv4 address on any interface: none is left to look at',
    });
  });
});

test.each([
  ['10.0.0.1', true],
  ['169.254.1.1', false],
  ['127.0.0.1', false],
  ['224.0.0.1', false],
  ['0.0.0.0', false],
  ['255.255.255.255', false],
  ['2001:db8::1', true],
  ['fd00::1', true],
  ['fe80::1', false],
  ['ff02::1', false],
  ['::1', false],
  ['::', false],
])('%s is global unicast: %s', (text, expected) => {
  expect(isGlobalUnicast(parseIp(text))).toBe(expected);
});
