import { parseIp } from '@calico-node/net';
import { describe, expect, it } from 'vitest';
import type { PathAttributes } from '../wire/path-attributes.ts';
import { comparePaths, isEquallyGood, type Candidate } from './decision.ts';
import { checkExport, traitsOf, type ExportTarget } from './export.ts';
import { markLongLived } from './long-lived.ts';
import type { RouteSource } from './route-source.ts';

const plain: PathAttributes = { origin: 'IGP', asPath: [], nextHop: parseIp('10.0.0.9'), communities: [1] };
const source = (routerId: number): RouteSource => ({
  kind: 'bgp',
  external: false,
  routerId,
  address: parseIp(`10.0.0.${routerId}`),
  client: true,
});
const candidate = (attributes: Partial<PathAttributes>, routerId = 7): Candidate => ({
  attributes: { ...plain, ...attributes },
  source: source(routerId),
  igpMetric: 0,
});

describe('a long-lived stale route', () => {
  const stale = markLongLived(plain)!;

  it('carries its community once, and is not made of one that forbids it (RFC 9494 4.2)', () => {
    expect(stale.communities).toEqual([1, 0xffff0006]);
    expect(markLongLived(stale)).toBe(stale);
    expect(markLongLived({ ...plain, communities: [0xffff0007] })).toBeUndefined();
  });

  it('loses against any other, whatever its preference (4.3)', () => {
    const { order, step } = comparePaths(candidate({ ...stale, localPref: 1000 }), candidate({ localPref: 1 }));
    expect([order > 0, step]).toEqual([true, 'stale']);
  });

  it('goes only to peers that know what it is (4.3)', () => {
    const target = { external: false, client: true } as ExportTarget;
    expect(checkExport(source(7), traitsOf(stale), target)).toBe('stale');
    expect(checkExport(source(7), traitsOf(stale), { ...target, takesStale: true })).toBeUndefined();
  });
});

describe('paths', () => {
  it('are equally good when only tie-breakers tell them apart (RFC 4271 9.1.2.2 f)', () => {
    expect(isEquallyGood(candidate({}, 1), candidate({}, 2))).toBe(true);
    expect(isEquallyGood(candidate({ clusterList: [1, 2] }, 1), candidate({}, 1))).toBe(true);
    expect(isEquallyGood(candidate({ localPref: 200 }, 1), candidate({}, 2))).toBe(false);
    expect(isEquallyGood({ ...candidate({}, 1), igpMetric: 1 }, candidate({}, 2))).toBe(false);
  });
});
