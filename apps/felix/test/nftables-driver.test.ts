import { setTimeout as delay } from 'node:timers/promises';
import { parseCidr } from '@calico-node/net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HostEndpointId } from '../src/calc/endpoint-id.ts';
import type { Intent } from '../src/calc/intents.ts';
import { masqueradePoolsSet, networkPoolsSet } from '../src/calc/ip-set.ts';
import { NftablesDriver } from '../src/dataplane/nftables/nftables-driver.ts';
import { defaultRuleOptions } from '../src/rules/options.ts';
import {
  endpoint,
  netSet,
  netSetDelta,
  policy,
  removeEndpoint,
  removePolicy,
  rule,
  setId,
  start,
} from './support/intents.ts';
import { canConnect, NodeLab } from './support/node-lab.ts';

let lab: NodeLab;
let driver: NftablesDriver;
let dirty = 0;
let warnings: object[] = [];

function open(): NftablesDriver {
  dirty = 0;
  warnings = [];
  return new NftablesDriver({
    netns: lab.netns,
    families: [4, 6],
    rules: defaultRuleOptions,
    log: { info: () => undefined, warn: (fields: object) => warnings.push(fields) },
    onDirty: () => dirty++,
  });
}

async function apply(...intents: readonly Intent[]): Promise<number> {
  const before = driver.writes;
  driver.update(intents);
  await driver.apply();
  return driver.writes - before;
}

async function untilDirty(): Promise<void> {
  while (dirty === 0) await delay(2);
}

/** Everything of ours but the counters. */
const listing = (): string[] => lab.nft('-s', 'list', 'ruleset');

beforeEach(() => {
  lab = new NodeLab();
  driver = open();
});

afterEach(() => {
  driver.close();
  lab[Symbol.dispose]();
});

describe('traffic of workloads', () => {
  it('are dropped before the store is in sync, and again after somebody opens the door', async () => {
    const a = lab.addWorkload('a', '10.65.0.1');
    lab.addWorkload('b', '10.65.0.2');
    expect(await canConnect(a, '10.65.0.2', 80)).toBe(true);
    driver.installSkeleton();
    expect(await canConnect(a, '10.65.0.2', 80)).toBe(false);
    lab.nft('flush', 'ruleset');
    while (!listing().join().includes('cali-FORWARD')) await delay(2);
    expect(await canConnect(a, '10.65.0.2', 80)).toBe(false);
    expect(await apply()).toBe(0);
  });

  it('looks into the sets of a family once any of them has a member, and not before', async () => {
    const allowed = (set: string): Intent => policy('p', [rule('allow', { source: { sets: [setId(set)] } })]);
    const chain = (family: string): string =>
      lab.nft('-s', 'list', 'chain', family, 'calico', 'filter-cali-pi-gnp/p').join(' ');
    driver.installSkeleton();
    await apply(
      ...start,
      netSet('s', []),
      netSet('t', ['10.65.0.1/32']),
      allowed('s'),
      endpoint('a', '10.65.0.1', ['p']),
    );
    expect(chain('ip')).toContain('ip saddr @cali40s-s');
    expect(chain('ip6')).not.toContain('cali60s-s');
    expect(await apply(allowed('t'))).toBe(2);
    await apply(netSetDelta('s', ['fd00::1/128'], []));
    expect(chain('ip6')).toContain('ip6 saddr @cali60s-t');
    await apply(netSetDelta('s', [], ['fd00::1/128']));
    expect(chain('ip6')).not.toContain('cali60s-t');
    await apply({ type: 'ip-set-update', id: masqueradePoolsSet, kind: 'net', members: [parseCidr('fd00:1::/64')] });
    const nat = lab.nft('-s', 'list', 'chain', 'ip6', 'calico', 'nat-cali-nat-outgoing').join(' ');
    expect(nat).toContain('@cali60masq-ipam-pools-net');
    driver.resync();
    expect(await apply()).toBe(0);
  });

  it('leave pools with natOutgoing masqueraded', async () => {
    await apply(...start, {
      type: 'ip-set-update',
      id: masqueradePoolsSet,
      kind: 'net',
      members: [parseCidr('10.65.0.0/16')],
    });
    await apply({ type: 'ip-set-update', id: networkPoolsSet, kind: 'net', members: [parseCidr('10.65.0.0/16')] });
    const chain = lab.nft('-s', 'list', 'chain', 'ip', 'calico', 'nat-cali-nat-outgoing').join(' ');
    expect(chain).toContain(
      'ip saddr @cali40masq-ipam-pools-net ip daddr != @cali40network-ip-pools-net counter masquerade fully-random',
    );
  });
});

describe('a new driver on an old table', () => {
  const state: readonly Intent[] = [
    ...start,
    netSet('mixed', ['10.65.0.1/32', '10.65.1.0/24', '10.65.1.128/25', '0.0.0.0/1', 'fd00::1/128', 'fd00:1::/64']),
    policy('p', [
      rule('allow', {
        protocol: 6,
        source: { sets: [setId('mixed')], notNets: [parseCidr('10.9.0.0/20')] },
        destination: {
          ports: [
            { first: 80, last: 80 },
            { first: 1000, last: 65535 },
          ],
        },
      }),
      rule('log'),
      rule('deny', { protocol: 1, icmp: { type: 8, code: 0 } }),
    ]),
    endpoint('a', '10.65.0.1', ['p']),
    endpoint('b', '10.65.0.2', ['p'], { allowedSourcePrefixes: [parseCidr('10.99.0.0/16')] }),
  ];

  it('writes nothing when nothing differs', async () => {
    expect(await apply(...state)).toBeGreaterThan(0);
    const before = lab.nft('-a', '-s', 'list', 'ruleset');
    driver.close();
    driver = open();
    driver.installSkeleton();
    expect(await apply(...state)).toBe(0);
    expect(lab.nft('-a', '-s', 'list', 'ruleset')).toEqual(before);
    driver.resync();
    expect(await apply()).toBe(0);
  });

  it('writes the difference and no more', async () => {
    await apply(...state);
    driver.close();
    driver = open();
    driver.installSkeleton();
    const changed = state.filter((intent) => intent.type !== 'workload-endpoint-update');
    // Of b, which is gone, per family: two map entries, and two chains to flush and to delete. And its source network, for
    // which a chain of four requests need not ask any more.
    expect(await apply(...changed, endpoint('a', '10.65.0.1', ['p']))).toBe(2 * 6 + 1 + 4);
    expect(listing().join()).not.toContain('calib');
    expect(listing().join()).toContain('"calia" : goto filter-cali-tw-calia');
  });

  it('goes on asking host endpoints where it closes the door before it knows them, and no longer than that', async () => {
    await apply(...state, {
      type: 'host-endpoint-update',
      id: 'h' as HostEndpointId,
      endpoint: {
        ...{ name: 'h', revision: 1n, interfaceName: 'eth0', expectedIps: [], profiles: [] },
        ...{ tiers: [], forwardTiers: [], untrackedTiers: [], preDnatTiers: [] },
      },
    });
    const hooks = listing().filter((line) => line.includes('hook'));
    driver.close();
    lab.nft('flush', 'chain', 'ip', 'calico', 'filter-FORWARD');
    driver = open();
    driver.installSkeleton();
    expect(listing().join()).toContain('jump filter-cali-from-hep-forward');
    expect(listing().filter((line) => line.includes('hook'))).toEqual(hooks);
    await apply(...state);
    expect(listing().join()).not.toContain('jump filter-cali-from-hep-forward');
    expect(listing().filter((line) => line.includes('hook')).length).toBeLessThan(hooks.length);
  });

  it('takes out of an old set what is in it no more', async () => {
    await apply(...state);
    driver.close();
    driver = open();
    driver.installSkeleton();
    await apply(...state, netSet('mixed', ['10.65.0.7/32', '10.65.1.0/24']));
    expect(lab.nft('list', 'set', 'ip', 'calico', 'cali40s-mixed')).toContain('elements = { 10.65.0.7 }');
    expect(lab.nft('list', 'set', 'ip', 'calico', 'cali40s-mixed-net')).toContain('elements = { 10.65.1.0/24 }');
  });

  it('keeps what workloads had until it is in sync', async () => {
    await apply(...state);
    const before = listing();
    driver.close();
    driver = open();
    driver.installSkeleton();
    await driver.apply();
    expect(driver.writes).toBe(0);
    expect(listing()).toEqual(before);
  });

  it('ends with the same table as one that saw every change', async () => {
    const words = ['10.65.0.1/32', '10.65.0.2/32', '10.65.1.0/24', '10.65.0.0/16', '10.0.0.0/8', '10.65.1.128/25'];
    let seed = 7;
    const random = (limit: number): number => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return Math.floor((seed / 2147483648) * limit);
    };
    await apply(...start);
    const sets = new Map<string, Set<string>>();
    const policies = new Map<string, Intent>();
    const endpoints = new Map<string, Intent>();
    for (let step = 0; step < 60; step++) {
      const intents: Intent[] = [];
      const name = ['s', 't'][random(2)]!;
      const members = sets.get(name);
      if (members === undefined) {
        sets.set(name, new Set(words.slice(0, 2)));
        intents.push(netSet(name, words.slice(0, 2)));
      } else {
        const word = words[random(words.length)]!;
        const isIn = members.delete(word);
        if (!isIn) members.add(word);
        intents.push(netSetDelta(name, isIn ? [] : [word], isIn ? [word] : []));
      }
      const policyName = `p${random(3)}`;
      if (policies.has(policyName) && random(3) === 0) {
        const users = [...endpoints].filter(([, intent]) => JSON.stringify(intent, bigintText).includes(policyName));
        for (const [user] of users) {
          endpoints.delete(user);
          intents.push(removeEndpoint(user));
        }
        policies.delete(policyName);
        intents.push(removePolicy(policyName));
      } else {
        const used = [...sets.keys()].map((set) => setId(set)).slice(0, 1 + random(2));
        const update = policy(policyName, [rule('allow', { source: { sets: used } })], [rule('allow')]);
        policies.set(policyName, update);
        intents.push(update);
      }
      const user = `e${random(3)}`;
      const update = endpoint(user, '10.65.0.1', [...policies.keys()].slice(0, random(4)), {
        interfaceName: `cali${random(2) === 0 ? user : 'shared'}`,
      });
      endpoints.set(user, update);
      intents.push(update);
      await apply(...intents);
    }
    const after = listing();
    driver.close();
    lab.nft('flush', 'ruleset');
    driver = open();
    const final = [...sets].map(([name, members]) => netSet(name, [...members]));
    await apply(...start, ...final, ...policies.values(), ...endpoints.values());
    expect(sorted(after)).toEqual(sorted(listing()));
  });
});

const bigintText = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);

/** The listing as the set of its blocks: objects are listed in the order of their creation. */
function sorted(lines: readonly string[]): string[] {
  const blocks: string[][] = [];
  for (const line of lines) {
    if (line.endsWith('{') && !line.startsWith('elements')) blocks.push([line]);
    else if (line !== '}') blocks.at(-1)?.push(line);
  }
  return blocks
    .map((block) => {
      const text = block.join('\n');
      // A hash lists its elements in an order of its own.
      return text.replace(/elements = \{([^}]*)\}/, (_, list: string) =>
        list
          .split(',')
          .map((element) => element.trim())
          .sort()
          .join(),
      );
    })
    .sort();
}

describe('what somebody else does to our tables', () => {
  const state: readonly Intent[] = [
    ...start,
    netSet('s', ['10.65.0.1/32', '10.65.1.0/24']),
    policy('p', [rule('allow', { source: { sets: [setId('s')] } })]),
    endpoint('a', '10.65.0.1', ['p']),
  ];

  it.each([
    ['everything flushed', ['flush', 'ruleset']],
    ['a rule put first', ['insert', 'rule', 'ip', 'calico', 'filter-cali-FORWARD', 'accept']],
    ['a rule put last', ['add', 'rule', 'ip', 'calico', 'filter-cali-tw-calia', 'accept']],
    ['a chain flushed', ['flush', 'chain', 'ip', 'calico', 'filter-cali-tw-calia']],
    ['a foreign chain', ['add', 'chain', 'ip', 'calico', 'mine']],
    ['a foreign set', ['add set ip calico mine { type ipv4_addr; elements = { 1.2.3.4 } }']],
    ['a host added to a set', ['add', 'element', 'ip', 'calico', 'cali40s-s', '{ 10.1.1.1 }']],
    ['a network added to a set', ['add', 'element', 'ip', 'calico', 'cali40s-s-net', '{ 10.7.0.1-10.7.0.77 }']],
    ['a host taken out of a set', ['delete', 'element', 'ip', 'calico', 'cali40s-s', '{ 10.65.0.1 }']],
    ['a dispatch entry taken out', ['delete', 'element', 'ip', 'calico', 'cali-to-wl-dispatch', '{ "calia" }']],
    ['a dispatch entry added', ['add', 'element', 'ip', 'calico', 'cali-to-wl-dispatch', '{ "calix" : accept }']],
    ['a base chain with another policy', ['add chain ip calico filter-FORWARD { policy drop; }']],
    ['a sleeping table', ['add table ip calico { flags dormant; }']],
  ])('is seen and put right: %s', async (_, command) => {
    await apply(...state);
    const before = sorted(listing());
    dirty = 0;
    lab.nft(...command);
    await untilDirty();
    await driver.apply();
    expect(sorted(listing())).toEqual(before);
    expect(driver.repairs).toBe(1);
    const [warning] = warnings;
    expect(warning).toHaveProperty('repaired');
  });

  it('does not keep a chain that should be gone', async () => {
    await apply(...state, endpoint('b', '10.65.0.2', ['p']));
    dirty = 0;
    lab.nft(
      'add map ip calico theirs { type ipv4_addr : verdict; elements = { 1.2.3.4 : goto filter-cali-tw-calib }; }',
    );
    lab.nft('add', 'rule', 'ip', 'calico', 'filter-cali-tw-calia', 'ip', 'saddr', 'vmap', '@theirs');
    await untilDirty();
    await apply(removeEndpoint('b'));
    expect(listing().join()).not.toMatch(/theirs|tw-calib/);
    expect(await apply()).toBe(0);
  });

  it('leaves other tables alone', async () => {
    await apply(...state);
    dirty = 0;
    lab.nft('add', 'table', 'inet', 'mine');
    lab.nft('add', 'table', 'ip', 'mine');
    lab.nft('add', 'chain', 'ip', 'calico', 'marker');
    await untilDirty();
    await driver.apply();
    expect(lab.nft('list', 'tables')).toEqual([
      'table ip calico',
      'table ip6 calico',
      'table inet mine',
      'table ip mine',
    ]);
    expect(warnings).toMatchObject([{ seen: { 'chain added': 1 } }]);
  });

  it('is overcome even when a foreign set has the name and another type', async () => {
    lab.nft('add', 'table', 'ip', 'calico');
    lab.nft('add set ip calico cali40s-s { type inet_service; }');
    lab.nft('add map ip calico cali-to-wl-dispatch { type ipv4_addr : verdict; }');
    await apply(...state);
    expect(listing().join()).toContain('"calia" : goto filter-cali-tw-calia');
    driver.resync();
    expect(await apply()).toBe(0);
  });
});
