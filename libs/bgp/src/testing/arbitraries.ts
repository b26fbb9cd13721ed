import { ipFromBytes, cidrOf, type Cidr, type Family, type IpAddress } from '@calico-node/net';
import fc from 'fast-check';
import type { AsPath } from '../wire/as-path.ts';
import type { Capability } from '../wire/capability.ts';
import type { OpenMessage } from '../wire/open.ts';
import type { LargeCommunity, PathAttributes } from '../wire/path-attributes.ts';

/** Arbitraries for property tests: every value that a speaker may send. */
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const asn = fc.integer({ min: 1, max: 0xffffffff });
const family = fc.constantFrom<Family>(4, 6);

export const capability: fc.Arbitrary<Capability> = fc.oneof(
  family.map((one): Capability => ({ kind: 'multiprotocol', family: one })),
  fc.constantFrom<Capability>(
    { kind: 'route-refresh' },
    { kind: 'enhanced-route-refresh' },
    { kind: 'extended-message' },
  ),
  fc
    .record({
      restarting: fc.boolean(),
      notification: fc.boolean(),
      restartSeconds: fc.integer({ min: 0, max: 4095 }),
      families: fc.array(fc.record({ family, forwardingPreserved: fc.boolean() }), { maxLength: 3 }),
    })
    .map((fields): Capability => ({ kind: 'graceful-restart', ...fields })),
  fc
    .array(
      fc.record({ family, receive: fc.boolean(), send: fc.boolean() }).filter(({ receive, send }) => receive || send),
      { maxLength: 4 },
    )
    .map((entries): Capability => ({ kind: 'add-path', entries })),
  fc.constantFrom<Capability>(
    { kind: 'extended-next-hop', families: [4] },
    { kind: 'extended-next-hop', families: [] },
    { kind: 'role', role: 'provider' },
    { kind: 'role', role: 'route-server' },
    { kind: 'role', role: 'route-server-client' },
    { kind: 'role', role: 'customer' },
    { kind: 'role', role: 'peer' },
  ),
  fc
    .array(
      fc.record({ family, forwardingPreserved: fc.boolean(), staleSeconds: fc.integer({ min: 0, max: 0xffffff }) }),
      { maxLength: 3 },
    )
    .map((entries): Capability => ({ kind: 'long-lived-restart', entries })),
  fc
    .record({ code: fc.integer({ min: 128, max: 255 }), value: fc.uint8Array({ maxLength: 40 }) })
    .map((fields): Capability => ({ kind: 'other', ...fields })),
);

export const openMessage: fc.Arbitrary<OpenMessage> = fc
  .record({
    asn,
    holdSeconds: fc.oneof(fc.constant(0), fc.integer({ min: 3, max: 65535 })),
    routerId: fc.integer({ min: 1, max: 0xffffffff }),
    capabilities: fc.array(capability, { maxLength: 20 }),
  })
  .map((open) => ({ ...open, capabilities: [...open.capabilities, { kind: 'four-octet-as', asn: open.asn }] }));

const segment = fc.record({
  kind: fc.constantFrom('sequence' as const, 'set' as const),
  asns: fc.array(asn, { minLength: 1, maxLength: 20 }),
});
export const asPath: fc.Arbitrary<AsPath> = fc.array(segment, { maxLength: 4 });

function list<T>(item: fc.Arbitrary<T>): fc.Arbitrary<T[] | undefined> {
  return fc.option(fc.array(item, { minLength: 1, maxLength: 12 }), { nil: undefined });
}

export const hostAddress4: fc.Arbitrary<IpAddress> = fc
  .tuple(fc.integer({ min: 1, max: 126 }), fc.nat(255), fc.nat(255), fc.nat(255))
  .map((octets) => ipFromBytes(Uint8Array.from(octets)));

/** The attributes of a route of IPv4; of an external session without those that stay inside an AS. */
export function pathAttributes(external: boolean): fc.Arbitrary<PathAttributes> {
  const internalOnly = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
    external ? fc.constant(undefined) : fc.option(value, { nil: undefined });
  return fc.record({
    origin: fc.constantFrom('IGP' as const, 'EGP' as const, 'Incomplete' as const),
    asPath,
    nextHop: hostAddress4,
    med: fc.option(u32, { nil: undefined }),
    localPref: internalOnly(u32),
    atomicAggregate: fc.constantFrom(true, undefined),
    aggregator: fc.option(fc.record({ asn, address: u32 }), { nil: undefined }),
    communities: list(u32),
    extendedCommunities: list(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })),
    largeCommunities: fc.option(
      fc.uniqueArray(fc.tuple(u32, u32, u32) as fc.Arbitrary<LargeCommunity>, {
        minLength: 1,
        maxLength: 20,
        selector: (community) => community.join(),
      }),
      { nil: undefined },
    ),
    originatorId: internalOnly(u32),
    clusterList: internalOnly(fc.array(u32, { minLength: 1, maxLength: 5 })),
    onlyToCustomer: fc.option(asn, { nil: undefined }),
    unknown: list(
      fc.record({
        code: fc.integer({ min: 100, max: 255 }),
        flags: fc.constant(0xe0),
        value: fc.uint8Array({ maxLength: 30 }),
      }),
    ).map((all) => all?.filter(({ code }, index) => all.findIndex((other) => other.code === code) === index)),
  });
}

export function prefixOf(of: Family): fc.Arbitrary<Cidr> {
  const [octets, bits] = of === 4 ? [4, 32] : [16, 128];
  return fc
    .tuple(fc.uint8Array({ minLength: octets, maxLength: octets }), fc.integer({ min: 0, max: bits }))
    .map(([address, length]) => cidrOf(ipFromBytes(address), length));
}
