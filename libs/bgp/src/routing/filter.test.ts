import { parseCidr } from '@calico-node/net';
import { describe, expect, it } from 'vitest';
import type { PathAttributes } from '../wire/path-attributes.ts';
import { parseCommunity, type ParsedCommunity } from './communities.ts';
import { decidingRule, type Filter, type FilterRule, type FilterSubject } from './filter.ts';
import { applyOperations, type RouteOperation } from './operations.ts';
import { prefixViewOf } from './prefix-view.ts';
import { priorityOf } from './priority.ts';

const plain: PathAttributes = { origin: 'IGP', asPath: [] };
const path = (...asns: number[]): PathAttributes['asPath'] => [{ kind: 'sequence', asns }];
const community = (text: string): ParsedCommunity => parseCommunity(text)!;

const rule = (fields: Partial<FilterRule>): FilterRule => ({
  family: 4,
  action: 'accept',
  onlyRemotePeers: false,
  ...fields,
});

function verdict(rules: Filter['rules'], prefix: string, rest: Partial<FilterSubject> = {}): unknown {
  const subject = { prefix: prefixViewOf(parseCidr(prefix)), fromPeer: false, route: { attributes: plain }, ...rest };
  return decidingRule([{ name: 'f', rules }], subject)?.action;
}

/** Whether a rule with the condition matches a route with the attributes. */
function isMatch(condition: Partial<FilterRule>, attributes: Partial<PathAttributes>): boolean {
  const route = { attributes: { ...plain, ...attributes } };
  return verdict([rule(condition)], '10.0.0.0/8', { route }) === 'accept';
}

describe('filters', () => {
  it('match by operator and length as BIRD does', () => {
    const cidr = parseCidr('10.0.0.0/8');
    const match = (operator: 'equal' | 'not-equal' | 'in' | 'not-in', lengths = {}): Filter['rules'] => [
      rule({ match: { operator, cidr, ...lengths } }),
    ];
    expect([verdict(match('equal'), '10.0.0.0/8'), verdict(match('equal'), '10.1.0.0/16')]).toEqual([
      'accept',
      undefined,
    ]);
    expect([verdict(match('not-equal'), '10.0.0.0/8'), verdict(match('not-equal'), '10.1.0.0/16')]).toEqual([
      undefined,
      'accept',
    ]);
    expect([verdict(match('in'), '10.1.0.0/16'), verdict(match('in'), '11.0.0.0/8')]).toEqual(['accept', undefined]);
    expect([verdict(match('not-in'), '10.1.0.0/16'), verdict(match('not-in'), '11.0.0.0/8')]).toEqual([
      undefined,
      'accept',
    ]);
    const lengths = { minLength: 24, maxLength: 26 };
    expect([
      verdict(match('in', lengths), '10.1.0.0/16'),
      verdict(match('in', lengths), '10.1.0.0/25'),
      verdict(match('not-in', lengths), '10.1.0.0/16'),
    ]).toEqual([undefined, 'accept', 'accept']);
  });

  it('stop at the first match, and ask for source, interface and family', () => {
    const fromPeers = [rule({ action: 'reject', onlyRemotePeers: true }), rule({})];
    expect(verdict(fromPeers, '10.0.0.0/8', { fromPeer: true })).toBe('reject');
    expect(verdict(fromPeers, '10.0.0.0/8')).toBe('accept');
    expect(verdict([rule({ interfacePattern: 'eth*' })], '10.0.0.0/8', { interfaceName: 'eth1' })).toBe('accept');
    expect(verdict([rule({ interfacePattern: 'eth*' })], '10.0.0.0/8')).toBeUndefined();
    expect(verdict([rule({ family: 6 })], '10.0.0.0/8')).toBeUndefined();
  });

  it('ask for communities of both kinds', () => {
    const condition = { communities: [community('64512:1'), community('1:2:3')] };
    const communities = [64512 * 65536 + 1, 7];
    expect(isMatch(condition, { communities, largeCommunities: [[1, 2, 3]] })).toBe(true);
    expect(isMatch(condition, { communities, largeCommunities: [[1, 2, 4]] })).toBe(false);
    expect(isMatch(condition, { largeCommunities: [[1, 2, 3]] })).toBe(false);
  });

  it('ask how the AS path begins', () => {
    const condition = { asPathPrefix: [65001, 65002] };
    expect(isMatch(condition, { asPath: path(65001, 65002, 65003) })).toBe(true);
    expect(isMatch(condition, { asPath: path(65001, 65002) })).toBe(true);
    expect(isMatch(condition, { asPath: path(65001) })).toBe(false);
    expect(isMatch(condition, { asPath: path(65000, 65001, 65002) })).toBe(false);
    expect(isMatch(condition, { asPath: [...path(65001), { kind: 'set', asns: [9, 65002] }] })).toBe(true);
    expect(isMatch(condition, {})).toBe(false);
  });

  it("ask for the priority: the kernel's metric, or what LOCAL_PREF stands for", () => {
    expect(isMatch({ priority: 512 }, { priority: 512 })).toBe(true);
    expect(isMatch({ priority: 512 }, { localPref: 0x7fffffff - 512 })).toBe(true);
    expect(isMatch({ priority: 512 }, {})).toBe(false);
    expect(isMatch({ priority: 1024 }, { localPref: 100 })).toBe(true);
    expect(isMatch({ priority: 1024 }, {})).toBe(true);
  });
});

describe('operations', () => {
  const prepend: RouteOperation = { kind: 'prepend-as-path', asns: [65010, 65011] };
  const priority: RouteOperation = { kind: 'set-priority', priority: 100 };

  it('change a route in their order, and nothing twice', () => {
    const add = ['1:2', '1:2', '1:2:3', '1:2:3'].map((text): RouteOperation => ({
      kind: 'add-community',
      community: community(text),
    }));
    const changed = applyOperations({ ...plain, asPath: path(7) }, [prepend, ...add], 'export');
    expect(changed).toMatchObject({
      asPath: path(65010, 65011, 7),
      communities: [65538],
      largeCommunities: [[1, 2, 3]],
    });
  });

  it('set the priority of what comes in, and tell it of what goes out', () => {
    const imported = applyOperations(plain, [priority], 'import');
    const exported = applyOperations(plain, [priority], 'export');
    expect(imported).toEqual({ ...plain, priority: 100 });
    expect(exported).toEqual({ ...plain, localPref: 0x7fffffff - 100 });
    expect([imported, exported].map(priorityOf)).toEqual([100, 100]);
  });
});
