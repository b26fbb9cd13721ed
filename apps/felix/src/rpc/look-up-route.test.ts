import { parseCidr, parseIp } from '@calico-node/net';
import type { Route, RoutingRule } from '@calico-node/netlink';
import { expect, test } from 'vitest';
import { kernelEntry } from './look-up-route.ts';

function route(destination: string, more: Partial<Route> = {}): Route {
  const common = { family: 4, table: 254, protocol: 3, scope: 'universe', type: 'unicast' } as const;
  return { ...common, destination: parseCidr(destination), ...more };
}

const rule = (priority: number, table: number, more: Partial<RoutingRule> = {}): RoutingRule => ({
  family: 4,
  priority,
  table,
  ...more,
});

test('the table local goes before main, a longer prefix before a shorter one, a lower metric before a higher one', () => {
  const wide = route('10.0.0.0/8');
  const far = route('10.0.1.0/24', { metric: 1024 });
  const near = route('10.0.1.0/24', { metric: 512 });
  const own = route('10.0.1.1/32', { table: 255, type: 'local' });
  const other = route('10.0.1.0/26', { table: 7 });
  const routes = [wide, far, near, own, other];
  for (const rules of [[], [rule(32766, 254), rule(0, 255)]]) {
    expect(kernelEntry(rules, routes, parseIp('10.0.1.2'))).toBe(near);
    expect(kernelEntry(rules, routes, parseIp('10.2.0.1'))).toBe(wide);
    expect(kernelEntry(rules, routes, parseIp('10.0.1.1'))).toBe(own);
    expect(kernelEntry(rules, routes, parseIp('11.0.0.1'))).toBeUndefined();
  }
});

test('tables are asked as the rules say for packets without a mark, and throw leads to the next one', () => {
  const mark = { value: 0x200000, mask: 0x200000 };
  // As Felix has it for WireGuard.
  const rules = [
    rule(0, 255),
    rule(99, 1, { mark, isInverted: true }),
    rule(100, 9, { isSelective: true }),
    rule(200, 254),
  ];
  const encrypted = route('10.0.1.0/26', { table: 1 });
  const hole = route('10.0.2.0/26', { table: 1, type: 'throw' });
  const plain = route('10.0.0.0/16');
  const routes = [encrypted, hole, plain, route('10.0.0.0/16', { table: 9 })];
  expect(kernelEntry(rules, routes, parseIp('10.0.1.2'))).toBe(encrypted);
  expect(kernelEntry(rules, routes, parseIp('10.0.2.2'))).toBe(plain);
  expect(kernelEntry([rule(5, 1, { mark }), rule(6, 254)], routes, parseIp('10.0.1.2'))).toBe(plain);
});
