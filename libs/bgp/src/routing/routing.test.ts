import { parseCidr, parseIp } from '@calico-node/net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pathAttributes } from '../testing/arbitraries.ts';
import type { PathAttributes } from '../wire/path-attributes.ts';
import { decideAnnouncement, type AnnounceRules } from './announce-policy.ts';
import { formatCommunity, parseCommunity } from './communities.ts';
import { comparePaths, selectBest, type Candidate } from './decision.ts';
import { checkExport, exportAttributes, traitsOf, type ExportTarget, type ExportTraits } from './export.ts';
import { PrefixSet } from './prefix-set.ts';
import { prefixViewOf } from './prefix-view.ts';
import { checkImport } from './import.ts';
import type { RouteOperation } from './operations.ts';
import { matchesPattern } from './pattern.ts';
import type { RouteSource } from './route-source.ts';

const plain: PathAttributes = { origin: 'IGP', asPath: [], nextHop: parseIp('10.0.0.9') };

function peer(fields: Partial<Extract<RouteSource, { kind: 'bgp' }>> = {}): RouteSource {
  return { kind: 'bgp', external: true, routerId: 7, address: parseIp('10.0.0.7'), client: false, ...fields };
}

function candidate(attributes: Partial<PathAttributes> = {}, source: RouteSource = peer(), igpMetric = 0): Candidate {
  return { attributes: { ...plain, ...attributes }, source, igpMetric };
}

const path = (...asns: number[]): PathAttributes['asPath'] => [{ kind: 'sequence', asns }];

describe('the decision process', () => {
  it.each<readonly [string, Candidate, Candidate]>([
    ['source', candidate({}, { kind: 'kernel' }), candidate({}, { kind: 'static' })],
    ['source', candidate({}, { kind: 'static' }), candidate({ localPref: 900 })],
    ['local-pref', candidate({ localPref: 101, asPath: path(1, 2) }), candidate({ asPath: path(1) })],
    ['as-path', candidate({ asPath: path(1), origin: 'Incomplete' }), candidate({ asPath: path(1, 2) })],
    ['origin', candidate({ origin: 'EGP', med: 9 }), candidate({ origin: 'Incomplete' })],
    ['med', candidate({ asPath: path(5), med: 1 }, peer({ external: false })), candidate({ asPath: path(5), med: 2 })],
    [
      'external',
      candidate({ asPath: path(5), med: 3 }, peer(), 9),
      candidate({ asPath: path(6), med: 2 }, peer({ external: false })),
    ],
    ['igp-metric', candidate({}, peer({ routerId: 9 }), 1), candidate({}, peer({ routerId: 8 }), 2)],
    ['router-id', candidate({ originatorId: 3 }, peer({ routerId: 9 })), candidate({}, peer({ routerId: 8 }))],
    ['cluster-list', candidate({ clusterList: [1] }), candidate({ clusterList: [1, 2] })],
    [
      'address',
      candidate({}, peer({ address: parseIp('10.0.0.2') })),
      candidate({}, peer({ address: parseIp('10.0.0.10') })),
    ],
    ['path-id', { ...candidate(), pathId: 1 }, { ...candidate(), pathId: -1 }],
  ])('%s decides', (step, better, worse) => {
    expect(comparePaths(better, worse)).toMatchObject({ step });
    expect(comparePaths(better, worse).order).toBeLessThan(0);
    expect(comparePaths(worse, better).order).toBeGreaterThan(0);
    expect([selectBest([better, worse]), selectBest([worse, better])]).toEqual([0, 1]);
  });

  it('has the same outcome for any order of the paths', () => {
    const some = fc
      .record({
        asPath: fc.constantFrom(path(1), path(2), path(1, 2)),
        med: fc.constantFrom(0, 1, 2),
        localPref: fc.constantFrom(undefined, 100, 200),
        external: fc.boolean(),
        id: fc.nat(1000),
      })
      .map(({ external, id, ...attributes }) =>
        candidate(attributes, peer({ external, routerId: id, address: parseIp(`10.1.${id >> 8}.${id & 255}`) })),
      );
    const distinct = fc.uniqueArray(some, {
      minLength: 1,
      maxLength: 8,
      selector: ({ source }) => (source.kind === 'bgp' ? source.routerId : 0),
    });
    fc.assert(
      fc.property(
        distinct.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        ([all, shuffled]) => {
          expect(shuffled[selectBest(shuffled)]).toBe(all[selectBest(all)]);
        },
      ),
    );
  });
});

describe('advertisement', () => {
  const internal: ExportTarget = {
    external: false,
    localAs: 64512,
    routerId: 1,
    selfAddress: parseIp('10.0.0.1'),
    nextHopMode: 'auto',
    client: false,
    clusterId: 99,
  };
  const external = { ...internal, external: true };

  const anywhere = traitsOf(plain);

  it('passes routes of internal peers to internal peers only by reflection', () => {
    const from = (client: boolean): RouteSource => peer({ external: false, client });
    expect(checkExport(from(false), anywhere, internal)).toBe('not-reflected');
    expect(checkExport(from(true), anywhere, internal)).toBeUndefined();
    expect(checkExport(from(false), anywhere, { ...internal, client: true })).toBeUndefined();
    expect(checkExport(from(false), anywhere, external)).toBeUndefined();
    expect(checkExport(peer(), anywhere, internal)).toBeUndefined();
  });

  it('honours the well-known communities', () => {
    const marked = (community: number): ExportTraits => traitsOf({ ...plain, communities: [1, community] });
    expect(checkExport(peer(), marked(0xffffff01), external)).toBe('no-export');
    expect(checkExport(peer(), marked(0xffffff01), internal)).toBeUndefined();
    expect(checkExport(peer(), marked(0xffffff02), internal)).toBe('no-advertise');
  });

  it('never lets out of the AS what belongs in it', () => {
    fc.assert(
      fc.property(pathAttributes(false), fc.boolean(), (attributes, isPeer) => {
        const source: RouteSource = isPeer ? peer({ external: false }) : { kind: 'kernel' };
        const out = exportAttributes(source, attributes, external);
        expect(out.asPath[0]?.asns[0]).toBe(64512);
        expect([out.localPref, out.originatorId, out.clusterList]).toEqual([undefined, undefined, undefined]);
        expect(out.nextHop).toBe('10.0.0.1');
        // RFC 4360 6
        expect(out.extendedCommunities?.filter((community) => (community >> 62n) % 2n === 1n) ?? []).toEqual([]);
        if (isPeer) expect(out.med).toBeUndefined();
      }),
    );
  });

  it('notes originator and cluster when it reflects, and leaves the next hop', () => {
    const out = exportAttributes(peer({ external: false, client: true }), { ...plain, clusterList: [5] }, internal);
    expect(out).toMatchObject({ originatorId: 7, clusterList: [99, 5], nextHop: '10.0.0.9', localPref: 100 });
    expect(
      checkImport(out, {
        localAs: 64512,
        allowedLocalAs: 0,
        routerId: 7,
        clusterId: 7,
        external: false,
        isLocalAddress: () => false,
      }),
    ).toBe('own-originator');
  });

  it.each<readonly [string, Partial<ExportTarget>, boolean, readonly number[]]>([
    ['of a client, for another cluster', { client: true, clusterId: 99 }, true, [99, 5]],
    ['of a client, for the same cluster', { client: true, clusterId: 5 }, true, [5]],
    ['of a client, for no client', { clusterId: 99 }, true, [5]],
    ['of no client', { client: true, clusterId: 99 }, false, [99]],
  ])(
    'puts the clusters that a route goes through before its list: %s (RFC 4456 8)',
    (_case, target, client, clusters) => {
      const from = peer({ external: false, client, clusterId: 5 });
      expect(exportAttributes(from, { ...plain, clusterList: [1] }, { ...internal, ...target }).clusterList).toEqual([
        ...clusters,
        1,
      ]);
    },
  );

  it('hands on to route server clients what other ASes told, as they told it (RFC 7947 2.2)', () => {
    const client = { ...external, isRouteServerClient: true };
    const told = { ...plain, asPath: path(7, 8), med: 9, linkLocalNextHop: parseIp('fe80::7') };
    expect(exportAttributes(peer(), told, client)).toEqual({ ...plain, asPath: path(7, 8), med: 9 });
    expect(exportAttributes(peer(), told, { ...client, nextHopMode: 'self' }).nextHop).toBe('10.0.0.1');
    // What our own AS tells comes from it, for them too.
    for (const own of [peer({ external: false }), { kind: 'static' } as const])
      expect(exportAttributes(own, plain, client)).toMatchObject({ asPath: path(64512), nextHop: '10.0.0.1' });
  });

  it('shows the AS that we are everywhere else behind the one that we are to a peer, if wanted (RFC 7705)', () => {
    const shown = exportAttributes(
      peer(),
      { ...plain, asPath: path(7) },
      { ...external, localAs: 65001, globalAs: 64512 },
    );
    expect(shown.asPath).toEqual(path(65001, 64512, 7));
  });

  it('asks for the peer’s AS at the head of a path where it is to (RFC 4271 6.3)', () => {
    const target = {
      localAs: 64512,
      allowedLocalAs: 0,
      routerId: 7,
      clusterId: 7,
      external: true,
      firstAs: 7,
      isLocalAddress: () => false,
    };
    const problemOf = (asPath: PathAttributes['asPath']): unknown => checkImport({ ...plain, asPath }, target);
    expect(problemOf(path(7, 8))).toBeUndefined();
    for (const wrong of [path(8, 7), path(), [{ kind: 'set', asns: [7] } as const]])
      expect(problemOf(wrong)).toBe('first-as');
  });

  it('sets the next hop as told', () => {
    const hop = (target: ExportTarget, source: RouteSource = peer()): unknown =>
      exportAttributes(source, plain, target).nextHop;
    expect(hop(internal)).toBe('10.0.0.9');
    expect(hop({ ...internal, nextHopMode: 'self' })).toBe('10.0.0.1');
    expect(hop({ ...external, nextHopMode: 'keep' })).toBe('10.0.0.9');
    expect(hop({ ...external, nextHopMode: 'keep' }, { kind: 'static' })).toBe('10.0.0.1');
  });

  it('adds communities once', () => {
    const add = (text: string): RouteOperation => ({ kind: 'add-community', community: parseCommunity(text)! });
    const carried = { ...plain, communities: [1] };
    const operations = [add('0:1'), add('0:2'), add('1:2:3'), add('1:2:3')];
    const out = exportAttributes({ kind: 'static' }, carried, internal, operations);
    expect(out).toMatchObject({ communities: [1, 2], largeCommunities: [[1, 2, 3]] });
  });
});

describe('import', () => {
  const target = {
    localAs: 64512,
    allowedLocalAs: 0,
    routerId: 1,
    clusterId: 2,
    external: true,
    isLocalAddress: (ip: string) => ip === '10.0.0.1',
  };

  it('refuses loops and routes through ourselves', () => {
    expect(checkImport(plain, target)).toBeUndefined();
    expect(checkImport({ ...plain, asPath: path(1, 64512) }, target)).toBe('as-loop');
    expect(checkImport({ ...plain, asPath: path(1, 64512) }, { ...target, allowedLocalAs: 1 })).toBeUndefined();
    expect(checkImport({ ...plain, clusterList: [2] }, { ...target, external: false })).toBe('cluster-loop');
    expect(checkImport({ ...plain, nextHop: parseIp('10.0.0.1') }, target)).toBe('own-next-hop');
  });
});

describe("what leaves a node (Calico's calico_export_to_bgp_peers)", () => {
  const rules: AnnounceRules = {
    neverAnnounce: new PrefixSet([parseCidr('10.99.0.0/16')]),
    aggregates: new PrefixSet([parseCidr('10.0.1.0/26')]),
    originated: new PrefixSet([parseCidr('10.96.0.0/12')]),
    announceWithin: new PrefixSet([parseCidr('10.0.0.0/16'), parseCidr('10.99.0.0/16')]),
    routedElsewhere: new PrefixSet([parseCidr('10.0.4.0/22')]),
    ignoredInterfaces: ['docker*'],
    normalPriority: { 4: 1024, 6: 1024 },
  };

  it.each<readonly [string, string | undefined, boolean, boolean, string]>([
    ['10.0.1.0/26', undefined, true, true, 'aggregate'],
    ['10.0.1.5/32', 'cali1', true, false, 'covered-by-aggregate'],
    ['10.0.2.5/32', 'cali1', true, true, 'within'],
    ['10.99.1.0/26', undefined, true, false, 'never-announce'],
    ['10.96.0.10/32', undefined, false, true, 'originated'],
    ['192.168.0.0/24', 'eth0', false, false, 'not-within'],
    ['10.0.3.0/26', 'vxlan.calico', true, false, 'overlay-interface'],
    ['10.0.3.0/26', 'vxlan.calico', false, true, 'within'],
    ['10.0.3.0/26', 'bpfin.cali', false, false, 'overlay-interface'],
    ['10.0.3.1/32', 'docker0', true, false, 'ignored-interface'],
    ['10.0.4.1/32', 'cali2', true, true, 'within'],
  ])('%s on %s, to an internal peer: %s', (prefix, interfaceName, toInternal, announce, reason) => {
    const subject = { prefix: prefixViewOf(parseCidr(prefix)), interfaceName };
    expect(decideAnnouncement(rules, subject, toInternal)).toEqual({ announce, reason });
  });

  it('leave a block with a metric better than the usual one, as a workload that has moved here has', () => {
    const reasonFor = (priority: number): string => {
      const route = { attributes: { origin: 'IGP', asPath: [], priority } as const };
      const subject = { prefix: prefixViewOf(parseCidr('10.0.1.5/32')), interfaceName: 'cali1', route };
      return decideAnnouncement(rules, subject, true).reason;
    };
    expect([512, 1024].map(reasonFor)).toEqual(['elevated', 'covered-by-aggregate']);
  });

  it("are not blocks of other nodes that Felix routes through them, for these tell the nodes' AS themselves", () => {
    const reasonFor = (prefix: string, toInternal: boolean): string => {
      const subject = { prefix: prefixViewOf(parseCidr(prefix)), interfaceName: 'eth0', isForwarding: true };
      return decideAnnouncement(rules, subject, toInternal).reason;
    };
    expect(reasonFor('10.0.4.0/26', true)).toBe('routed-elsewhere');
    expect(reasonFor('10.0.4.0/26', false)).toBe('within');
    expect(reasonFor('10.0.2.0/26', true)).toBe('within');
  });
});

describe('notations', () => {
  it('reads and writes communities', () => {
    expect(parseCommunity('64512:100')).toEqual({ kind: 'standard', value: 64512 * 65536 + 100 });
    expect(parseCommunity('4200000000:1:2')).toEqual({ kind: 'large', value: [4200000000, 1, 2] });
    for (const bad of ['70000:1', '1', '1:2:3:4', 'a:b', '1:5000000000:1']) expect(parseCommunity(bad)).toBeUndefined();
    expect(formatCommunity(0xfc000064)).toBe('64512:100');
  });

  it('matches interface patterns like a regular expression would', () => {
    const text = fc.stringMatching(/^[ab.]{0,8}$/);
    const pattern = fc.stringMatching(/^[ab.*?]{0,8}$/);
    fc.assert(
      fc.property(text, pattern, (name, glob) => {
        const oracle = new RegExp(`^${glob.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.')}$`);
        expect(matchesPattern(name, glob)).toBe(oracle.test(name));
      }),
    );
  });
});
