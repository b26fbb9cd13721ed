import { parseCidr } from '@calico-node/net';
import { defaultNodePolicy } from '@calico-node/policy';
import { expect, test } from 'vitest';
import { defaultInboundPorts, defaultOutboundPorts, failsafePorts, failsafePortText } from './failsafe-ports.ts';

test('ports come with or without protocol and network', () => {
  expect(failsafePorts.parse('tcp:22, UDP:10.0.0.0/8:53,sctp:[fd00::/8]:9,80')).toEqual([
    { protocol: 6, port: 22 },
    { protocol: 17, port: 53, net: parseCidr('10.0.0.0/8') },
    { protocol: 132, port: 9, net: parseCidr('fd00::/8') },
    { protocol: 6, port: 80 },
  ]);
  // What dry runs take for Felix's.
  const { inbound, outbound } = defaultNodePolicy.failsafes;
  expect([defaultInboundPorts, defaultOutboundPorts]).toEqual([inbound, outbound]);
});

test('a network is masked', () => {
  expect(failsafePorts.parse('tcp:10.1.2.3/8:22')).toEqual([{ protocol: 6, port: 22, net: parseCidr('10.0.0.0/8') }]);
});

test('what is no list of ports is refused whole', () => {
  for (const text of ['icmp:1', 'tcp:x', 'tcp:65536', 'tcp:10.0.0.0/33:22', 'tcp:0.0.0.0/0:1:x', 'tcp:22,?'])
    expect(failsafePorts.parse(text)).toBeUndefined();
});

test('a resource’s ports read as they are written', () => {
  expect(failsafePortText({ protocol: 'UDP', port: 53, net: '10.0.0.0/8' })).toBe('udp:[10.0.0.0/8]:53');
  expect(failsafePorts.parse(failsafePortText({ protocol: 'TCP', port: 22 })!)).toEqual([{ protocol: 6, port: 22 }]);
  expect(failsafePortText({})).toBeUndefined();
});
