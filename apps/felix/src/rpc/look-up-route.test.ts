import { parseCidr, parseIp } from '@calico-node/net';
import type { Route } from '@calico-node/netlink';
import { expect, test } from 'vitest';
import { longestMatch } from './look-up-route.ts';

function route(destination: string, more: Partial<Route> = {}): Route {
  const common = { family: 4, table: 254, protocol: 3, scope: 'universe', type: 'unicast' } as const;
  return { ...common, destination: parseCidr(destination), ...more };
}

test('the table local goes before main, a longer prefix before a shorter one, a lower metric before a higher one', () => {
  const wide = route('10.0.0.0/8');
  const far = route('10.0.1.0/24', { metric: 1024 });
  const near = route('10.0.1.0/24', { metric: 512 });
  const own = route('10.0.1.1/32', { table: 255, type: 'local' });
  const other = route('10.0.1.0/26', { table: 7 });
  const routes = [wide, far, near, own, other];
  expect(longestMatch(routes, parseIp('10.0.1.2'))).toBe(near);
  expect(longestMatch(routes, parseIp('10.2.0.1'))).toBe(wide);
  expect(longestMatch(routes, parseIp('10.0.1.1'))).toBe(own);
  expect(longestMatch(routes, parseIp('11.0.0.1'))).toBeUndefined();
});
