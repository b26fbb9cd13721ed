import { parseCidr, parseIp } from '@calico-node/net';
import { expect, test } from 'vitest';
import { defaultRuleOptions } from './options.ts';
import { renderServiceLoopChain } from './service-loops.ts';
import { localEndpoint } from './testing/parsed.ts';
import { showChain } from './testing/show.ts';
import { renderDscpChain } from './traffic-limits.ts';
import { renderWorkloadChains } from './workload-chains.ts';

test('a packet rate holds for every packet, a connection limit for new connections of TCP', () => {
  const limits = { ingress: { packetRate: 1000, packetBurst: 20, maxConnections: 100 }, egress: {} };
  const [to, from] = renderWorkloadChains(localEndpoint({ limits }), defaultRuleOptions).map(showChain);
  expect(to).toBe(`filter cali-tw-cali1
  => set-mark(0x80000 0)
  limit(1000 second 20) => set-mark(0x80000 0x80000)
  mark(0x80000 0) => drop # Drop packets over ingress packet rate limit
  => set-mark(0x80000 0)
  conntrack-state(["established","related"]) => accept
  conntrack-state(["invalid"]) => drop
  => set-mark(0x30000 0)
  protocol(6) connections-above(100) => reject(tcp-reset) # Reject connections over ingress connection limit
  => drop # Drop if no profiles matched`);
  expect(from).not.toContain('limit');
});

test('code points are for what leaves the pools, by family', () => {
  const marked = localEndpoint({ dscp: 46, addresses: [parseCidr('10.0.0.1/32'), parseCidr('fd00::1/128')] });
  expect(showChain(renderDscpChain([marked, localEndpoint({ interfaceName: 'cali2' })], [], 4))).toBe(
    `mangle cali-egress-dscp
  set(destination network-ip-pools) => return
  net(source 10.0.0.1/32) => set-dscp(46)`,
  );
  expect(renderDscpChain([localEndpoint()], [], 6).rules).toEqual([]);
});

test('a host endpoint’s code point is for its expected addresses', () => {
  const host = { name: 'h', expectedIps: [parseIp('172.16.0.1'), parseIp('fd00::1')], dscp: 20 };
  expect(showChain(renderDscpChain([], [host, { name: 'i', expectedIps: [parseIp('172.16.0.2')] }], 4))).toBe(
    `mangle cali-egress-dscp
  set(destination network-ip-pools) => return
  net(source 172.16.0.1/32) => set-dscp(20)`,
  );
});

test('what goes to services’ addresses is not forwarded, unless that is switched off', () => {
  const cidrs = [parseCidr('10.96.0.0/12'), parseCidr('fd01::/112')];
  const show = (serviceLoopPrevention: 'Drop' | 'Reject' | 'Disabled') =>
    showChain(renderServiceLoopChain(cidrs, 4, { ...defaultRuleOptions, serviceLoopPrevention }));
  expect(show('Drop')).toBe('filter cali-cidr-block\n  net(destination 10.96.0.0/12) => drop');
  expect(show('Reject')).toBe('filter cali-cidr-block\n  net(destination 10.96.0.0/12) => reject');
  expect(show('Disabled')).toBe('filter cali-cidr-block');
});
