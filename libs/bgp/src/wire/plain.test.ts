import { parseIp } from '@calico-node/net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exportAttributes, planRewrite, plainTraits, traitsOf, type ExportTarget } from '../routing/export.ts';
import { checkImport, checkPlainImport } from '../routing/import.ts';
import type { RouteSource } from '../routing/route-source.ts';
import { pathAttributes } from '../testing/arbitraries.ts';
import { decodeAttributes } from './decode-attributes.ts';
import { encodeAttributes } from './encode-attributes.ts';
import type { PathAttributes } from './path-attributes.ts';
import { PlainAttributes, scanPlainAttributes } from './plain-attributes.ts';
import { PlainUpdate, readPlainUpdate } from './plain-update.ts';
import { rewriteAttributes, rewriteGrowth } from './rewrite-attributes.ts';
import { decodeUpdate } from './update.ts';

const encode = (attributes: PathAttributes): Uint8Array =>
  encodeAttributes(attributes, { as4: true, withNextHop: true });

function decode(bytes: Uint8Array, external: boolean): PathAttributes | undefined {
  const result = decodeAttributes(bytes, 0, bytes.length, { as4: true, external, families: [4], addPath: [] });
  return result.kind === 'decoded' && result.problems.length === 0 ? result.attributes : undefined;
}

const known = (external: boolean): fc.Arbitrary<PathAttributes> =>
  pathAttributes(external).map(({ unknown: _unknown, onlyToCustomer: _otc, ...rest }) => rest);

/** Octets changed, dropped or doubled here and there. */
const damaged = (bytes: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> =>
  fc.tuple(bytes, fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.nat(3)), { maxLength: 3 })).map(([original, changes]) => {
    let list = [...original];
    for (const [where, octet, kind] of changes) {
      const at = where % Math.max(1, list.length);
      if (kind < 2) list[at] = octet;
      else if (kind === 2) list.splice(at, 1);
      else list = [...list, ...list.slice(0, at)];
    }
    return Uint8Array.from(list);
  });

describe('a plain attribute list', () => {
  it.each([false, true])('is what a peer (external: %s) usually sends', (external) => {
    fc.assert(
      fc.property(known(external), (attributes) => {
        const bytes = encode(attributes);
        expect(scanPlainAttributes(bytes, 0, bytes.length, external, new PlainAttributes())).toBe(true);
      }),
    );
  });

  it.each([false, true])('is one in which the full decoder finds nothing wrong (external: %s)', (external) => {
    fc.assert(
      fc.property(damaged(pathAttributes(false).map(encode)), (bytes) => {
        const plain = new PlainAttributes();
        if (!scanPlainAttributes(bytes, 0, bytes.length, external, plain)) return;
        const attributes = decode(bytes, external);
        expect(attributes).toBeDefined();
        expect(attributes?.nextHop).toBe(
          parseIp([24, 16, 8, 0].map((shift) => (plain.nextHop >>> shift) & 255).join('.')),
        );
        expect(plainTraits(bytes, plain)).toEqual(traitsOf(attributes!));
      }),
      { numRuns: 2000 },
    );
  });

  it('is checked for loops as the decoded one is', () => {
    fc.assert(
      fc.property(known(false), fc.nat(2), fc.nat(3), (attributes, allowedLocalAs, pick) => {
        const bytes = encode(attributes);
        const plain = new PlainAttributes();
        scanPlainAttributes(bytes, 0, bytes.length, false, plain);
        const asns = attributes.asPath.flatMap((segment) => segment.asns);
        const first = attributes.asPath[0]?.kind === 'sequence' ? asns[0] : undefined;
        const target = {
          firstAs: [undefined, first, 7][allowedLocalAs],
          localAs: asns[0] ?? 1,
          allowedLocalAs,
          routerId: pick === 1 ? (attributes.originatorId ?? 1) : 1,
          clusterId: pick === 2 ? (attributes.clusterList?.at(-1) ?? 1) : 1,
          external: pick === 3,
        };
        const isLocalAddress = (): boolean => false;
        expect(checkPlainImport(bytes, plain, target)).toBe(checkImport(attributes, { ...target, isLocalAddress }));
      }),
    );
  });

  it('is rewritten to what the decoded one is exported as', () => {
    const route = (external: boolean, client: boolean, clusterId: number): RouteSource => ({
      kind: 'bgp',
      external,
      routerId: 0x07070707,
      address: parseIp('10.0.0.7'),
      client,
      clusterId,
    });
    fc.assert(
      fc.property(
        fc.boolean().chain((fromExternal) => fc.tuple(known(fromExternal), fc.constant(fromExternal))),
        fc.boolean(),
        fc.constantFrom('auto' as const, 'self' as const, 'keep' as const),
        fc.record({ client: fc.boolean(), clusterId: fc.constantFrom(98, 99) }),
        fc.boolean(),
        ([attributes, fromExternal], external, nextHopMode, from, isRouteServerClient) => {
          const target: ExportTarget = {
            external,
            localAs: 64512,
            routerId: 1,
            selfAddress: parseIp('10.0.0.1'),
            nextHopMode,
            client: true,
            clusterId: 99,
            isRouteServerClient,
          };
          const source = route(fromExternal, from.client, from.clusterId);
          const bytes = encode(attributes);
          const plan = planRewrite(source, target);
          expect(plan).toBeDefined();
          const out = new Uint8Array(bytes.length + rewriteGrowth);
          const length = rewriteAttributes(bytes, 0, bytes.length, plan!, out);
          const expected = encode(exportAttributes(source, attributes, target));
          expect(decode(out.subarray(0, length), false)).toEqual(decode(expected, false));
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('a plain UPDATE', () => {
  it('has the parts that the full decoder finds', () => {
    const list = encode({ origin: 'IGP', asPath: [], nextHop: parseIp('10.0.0.9') });
    const part = fc.uint8Array({ maxLength: 12 });
    fc.assert(
      fc.property(part, part, fc.boolean(), (withdrawn, announced, hasList) => {
        const attributes = hasList ? list : new Uint8Array(0);
        const body = Uint8Array.of(
          ...[0, withdrawn.length],
          ...withdrawn,
          ...[0, attributes.length],
          ...attributes,
          ...announced,
        );
        const plain = new PlainUpdate();
        if (!readPlainUpdate(body, 0, body.length, plain)) return;
        const update = decodeUpdate(body, 0, body.length, { as4: true, external: false, families: [4], addPath: [] });
        if (update.kind === 'reset') throw new Error(update.reason);
        expect(update.problems).toEqual([]);
        const parts = [...update.withdrawn, ...update.announced.map(({ block }) => block)];
        const ranges = [
          [plain.withdrawnStart, plain.withdrawnEnd],
          [plain.attributesEnd, plain.nlriEnd],
        ].filter(([start, end]) => start !== end);
        expect(parts.map(({ start, end }) => [start, end])).toEqual(ranges);
      }),
      { numRuns: 2000 },
    );
  });
});
