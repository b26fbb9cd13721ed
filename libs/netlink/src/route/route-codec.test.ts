import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cidrOf, ipFromBytes, parseCidr, parseIp, type IpAddress } from '@calico-node/net';
import type { NetlinkRequest } from '../message.ts';
import { addRoute, decodeRoute, deleteRoute, replaceRoute } from './route-codec.ts';
import { routeTypeNumber, scopeNumber, type RouteScope, type RouteSpec, type RouteType } from './route.ts';

const ipv4: fc.Arbitrary<IpAddress> = fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => ipFromBytes(bytes));
const ipv6: fc.Arbitrary<IpAddress> = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => ipFromBytes(bytes));
const index = fc.integer({ min: 1, max: 0x7fffffff });

function hop(gateway: fc.Arbitrary<IpAddress>) {
  return fc.record(
    { gateway, interfaceIndex: index, weight: fc.integer({ min: 1, max: 256 }), onlink: fc.constant(true) },
    { requiredKeys: ['interfaceIndex', 'weight'] },
  );
}

function specs(family: 4 | 6, ip: fc.Arbitrary<IpAddress>, gateway: fc.Arbitrary<IpAddress>): fc.Arbitrary<RouteSpec> {
  const common = {
    family: fc.constant(family),
    destination: fc.tuple(ip, fc.nat(family === 4 ? 32 : 128)).map(([address, length]) => cidrOf(address, length)),
    table: fc.integer({ min: 1, max: 0xffffffff }),
    protocol: fc.nat(255),
    scope: fc.constantFrom(...(Object.keys(scopeNumber) as RouteScope[])),
    type: fc.constantFrom(...(Object.keys(routeTypeNumber) as RouteType[])),
    metric: fc.integer({ min: 0, max: 0xffffffff }),
    source: ip,
    onlink: fc.constant(true),
  };
  const requiredKeys = ['family', 'destination', 'table', 'protocol', 'scope', 'type'] as const;
  return fc.oneof(
    fc.record({ ...common, gateway, interfaceIndex: index }, { requiredKeys: [...requiredKeys] }),
    fc.record(
      { ...common, multipath: fc.array(hop(gateway), { minLength: 1, maxLength: 5 }) },
      { requiredKeys: [...requiredKeys, 'multipath'] },
    ),
  );
}

const anySpec = fc.oneof(specs(4, ipv4, fc.oneof(ipv4, ipv6)), specs(6, ipv6, ipv6));

/** A request as the kernel would send it back. */
function echo({ type, flags, body }: NetlinkRequest) {
  return { type, flags, body, sequence: 0, portId: 0 };
}

describe('routes', () => {
  test('read back as they were written', () => {
    fc.assert(
      fc.property(anySpec, (spec) => {
        expect(decodeRoute(echo(addRoute(spec)))).toEqual(spec);
        expect(decodeRoute(echo(replaceRoute(spec)))).toEqual(spec);
        expect(decodeRoute(echo(deleteRoute(spec)))).toEqual(spec);
      }),
    );
  });

  test('have the scope that their way out implies', () => {
    const destination = parseCidr('10.65.0.0/26');
    const scopeOf = (spec: RouteSpec) => decodeRoute(echo(addRoute(spec)))?.scope;
    expect(scopeOf({ destination, interfaceIndex: 2 })).toBe('link');
    expect(scopeOf({ destination, interfaceIndex: 2, gateway: parseIp('10.0.0.1') })).toBe('universe');
    expect(scopeOf({ destination, type: 'blackhole' })).toBe('universe');
    expect(scopeOf({ destination: parseCidr('fd00::/64'), interfaceIndex: 2 })).toBe('universe');
  });

  test('name themselves for error messages', () => {
    expect(deleteRoute({ destination: parseCidr('fd00::/64') }).label).toBe('delete route fd00::/64');
  });
});
