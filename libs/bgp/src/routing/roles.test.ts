import { parseIp } from '@calico-node/net';
import { describe, expect, it } from 'vitest';
import type { Role } from '../wire/capability.ts';
import type { PathAttributes } from '../wire/path-attributes.ts';
import { checkExport, exportAttributes, traitsOf, type ExportTarget } from './export.ts';
import { receiveInRole } from './roles.ts';
import type { RouteSource } from './route-source.ts';

const plain: PathAttributes = { origin: 'IGP', asPath: [], nextHop: parseIp('10.0.0.9') };
const marked = (onlyToCustomer: number): PathAttributes => ({ ...plain, onlyToCustomer });
const source: RouteSource = { kind: 'bgp', external: true, routerId: 7, address: parseIp('10.0.0.7'), client: false };
const target = (role: Role): ExportTarget => ({
  external: true,
  localAs: 64512,
  routerId: 1,
  selfAddress: parseIp('10.0.0.1'),
  nextHopMode: 'auto',
  client: false,
  clusterId: 1,
  role,
});

/** RFC 9234 5, ingress: what becomes of a route from AS 65001, without a mark, with theirs, with another's. */
const ingress: readonly (readonly [Role, PathAttributes, PathAttributes | 'leak', PathAttributes | 'leak'])[] = [
  ['provider', plain, 'leak', 'leak'],
  ['route-server', plain, 'leak', 'leak'],
  ['customer', marked(65001), marked(65001), marked(65002)],
  ['route-server-client', marked(65001), marked(65001), marked(65002)],
  ['peer', marked(65001), marked(65001), 'leak'],
];

/** RFC 9234 5, egress: whether a marked route may go, and what an unmarked one is marked with. */
const egress: readonly (readonly [Role, boolean, number | undefined])[] = [
  ['provider', true, 64512],
  ['route-server', true, 64512],
  ['customer', false, undefined],
  ['route-server-client', false, undefined],
  ['peer', false, 64512],
];

describe('under a role', () => {
  it.each(ingress)('as %s, a received route is marked, taken, or known for a leak', (role, none, theirs, others) => {
    expect(receiveInRole(plain, role, 65001)).toEqual(none);
    expect(receiveInRole(marked(65001), role, 65001)).toEqual(theirs);
    expect(receiveInRole(marked(65002), role, 65001)).toEqual(others);
  });

  it.each(egress)('as %s, a route to the peer is marked, and a marked one may go or not', (role, mayGo, mark) => {
    expect(checkExport(source, traitsOf(marked(65002)), target(role))).toBe(mayGo ? undefined : 'only-to-customer');
    expect(exportAttributes(source, plain, target(role)).onlyToCustomer).toBe(mark);
    expect(exportAttributes(source, marked(65002), target(role)).onlyToCustomer).toBe(65002);
  });
});
