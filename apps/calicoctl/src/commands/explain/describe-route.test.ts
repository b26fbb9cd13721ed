import type { felixV1 } from '@calico-node/rpc';
import { describe, expect, test } from 'vitest';
import { describeRoute } from './describe-route.ts';

const kinds: Readonly<Record<string, string>> = {
  'vxlan.calico': 'vxlan',
  tunl0: 'ipip',
  'wireguard.cali': 'wireguard',
};

function route(interfaceName: string, more: Partial<felixV1.KernelRoute> = {}, gateway = ''): felixV1.KernelRoute {
  const interfaceKind = kinds[interfaceName] ?? '';
  const remote = interfaceKind === '' ? '' : '172.16.0.9';
  const nextHops = [{ gateway, interfaceName, onlink: false, interfaceKind, remote }];
  return {
    destination: '10.0.1.0/26',
    type: 'unicast',
    protocol: 80,
    table: 254,
    metric: 0,
    source: '',
    nextHops,
    ...more,
  };
}

const answerTo = (entry: felixV1.KernelRoute | undefined): string =>
  describeRoute('10.0.1.5', { entry, answer: entry }, {});

test('a route is told with the kernel’s words, the reason, and the objects with their revisions', () => {
  const entry = route('vxlan.calico', { metric: 1024 }, '10.0.1.1');
  const text = describeRoute(
    '10.0.1.5',
    { entry, answer: route('vxlan.calico', { destination: '10.0.1.5/32', source: '10.0.0.1' }, '10.0.1.1') },
    {
      pool: { name: 'default-pool', revision: '5', spec: { cidr: '10.0.0.0/16', vxlanMode: 'Always' } },
      block: { cidr: '10.0.1.0/26', host: 'n2', revision: '7' },
      holder: { node: 'n3', what: 'workload ns/w' },
      node: { name: 'n3', revision: '2' },
    },
  );
  expect(text).toBe(`Address:   10.0.1.5
Route:     10.0.1.0/26 via 10.0.1.1 dev vxlan.calico proto felix (80) table main metric 1024
Why:       node n3 is at the other end of the VXLAN tunnel vxlan.calico, by 10.0.1.1, its packets go to 172.16.0.9, for an address borrowed from another node’s block
Kernel:    sends via 10.0.1.1 dev vxlan.calico from 10.0.0.1
Pool:      default-pool 10.0.0.0/16, VXLAN Always (revision 5)
Block:     10.0.1.0/26 of n2 (revision 7)
Given to:  workload ns/w on n3, borrowed
Node:      n3 (revision 2)
`);
});

describe('the reason', () => {
  test.each([
    ['a workload of this node', route('cali123', { protocol: 3 })],
    ['BGP told of it, by 172.16.0.2', route('eth0', { protocol: 12 }, '172.16.0.2')],
    ['another node of the same subnet', route('eth0', {}, '172.16.0.2')],
    ['dropped here (blackhole)', route('', { type: 'blackhole', nextHops: [] })],
    ['the other end of the IP in IP tunnel tunl0, by 172.16.0.9', route('tunl0', {}, '172.16.0.9')],
    ['of the WireGuard tunnel wireguard.cali, its packets go to 172.16.0.9', route('wireguard.cali', { table: 1 })],
    ["this host's own, on lo", route('lo', { type: 'local', table: 255, protocol: 2 })],
    ['nothing better than the default route', route('eth0', { destination: '0.0.0.0/0', protocol: 3 }, '172.16.0.1')],
    ["the host's own route (kernel)", route('eth0', { protocol: 2 })],
    ['no route', undefined],
  ])('%s', (reason, entry) => {
    expect(answerTo(entry)).toContain(reason);
  });
});
