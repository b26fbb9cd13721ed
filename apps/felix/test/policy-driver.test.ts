/** What every packet filter driver promises, with real packets: the same suite for each. */
import { setTimeout as delay } from 'node:timers/promises';
import { parseCidr, parseIp } from '@calico-node/net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Intent, LocalWorkloadEndpoint } from '../src/calc/intents.ts';
import { ipPortMember, type IpSetId } from '../src/calc/ip-set.ts';
import type { PolicyCounts, PolicyDriver } from '../src/dataplane/policy-driver.ts';
import { defaultRuleOptions } from '../src/rules/options.ts';
import { drivers } from './support/drivers.ts';
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

const allowAll = policy('allow', [rule('allow')], [rule('allow')]);

function local(intent: Intent): LocalWorkloadEndpoint {
  if (intent.type !== 'workload-endpoint-update') throw new Error('not an endpoint');
  return intent.endpoint;
}

describe.for(Object.entries(drivers))('%s', ([, openDriver]) => {
  let lab: NodeLab;
  let driver: PolicyDriver;
  let warnings: object[] = [];

  function open(): PolicyDriver {
    warnings = [];
    return openDriver({
      netns: lab.netns,
      families: [4, 6],
      rules: defaultRuleOptions,
      log: { info: () => undefined, warn: (fields) => warnings.push(fields) },
    });
  }

  async function apply(...intents: readonly Intent[]): Promise<number> {
    const before = driver.writes;
    driver.update(intents);
    await driver.apply();
    return driver.writes - before;
  }

  beforeEach(() => {
    lab = new NodeLab();
    driver = open();
  });

  afterEach(() => {
    driver.close();
    lab[Symbol.dispose]();
  });

  it('drops workload traffic before the store is in sync', async () => {
    const a = lab.addWorkload('a', '10.65.0.1');
    lab.addWorkload('b', '10.65.0.2');
    // New interfaces take a moment until they carry.
    await expect.poll(() => canConnect(a, '10.65.0.2', 80), { timeout: 10_000 }).toBe(true);
    driver.installSkeleton();
    expect(await canConnect(a, '10.65.0.2', 80)).toBe(false);
    expect(await canConnect(a, '172.16.0.1', 80)).toBe(false);
    expect(await apply()).toBe(0);
  });

  describe('real packets', () => {
    it('pass by policy alone: protocol, port, set of hosts, set of networks, profile, tier end', async () => {
      const a = lab.addWorkload('a', '10.65.0.1');
      const b = lab.addWorkload('b', '10.65.0.2');
      const c = lab.addWorkload('c', '10.65.1.3');
      const tcp = (ports: readonly (readonly [number, number])[], source: string) =>
        rule('allow', {
          protocol: 6,
          source: { sets: [setId(source)] },
          destination: { ports: ports.map(([first, last]) => ({ first, last })) },
        });
      await apply(
        ...start,
        netSet('hosts', ['10.65.0.1/32']),
        netSet('nets', ['10.65.1.0/24', '10.65.1.128/25', '10.65.7.0/24']),
        netSet('both', ['10.65.0.1/32', '10.65.1.0/24']),
        policy('server', [
          tcp([[80, 80]], 'hosts'),
          tcp(
            [
              [90, 99],
              [443, 443],
            ],
            'nets',
          ),
          tcp([[8080, 8080]], 'both'),
        ]),
        policy('client', [], [rule('allow')]),
        endpoint('a', a.address, ['client']),
        endpoint('b', b.address, ['server']),
        endpoint('c', c.address, ['client']),
      );
      const matrix = async (port: number): Promise<boolean[]> => [
        await canConnect(a, b.address, port),
        await canConnect(c, b.address, port),
      ];
      expect({
        80: await matrix(80),
        95: await matrix(95),
        443: await matrix(443),
        8080: await matrix(8080),
        22: await matrix(22),
      }).toEqual({
        80: [true, false],
        95: [false, true],
        443: [false, true],
        8080: [true, true],
        22: [false, false],
      });
      expect(await canConnect(b, a.address, 80)).toBe(false);

      await apply(netSetDelta('hosts', ['10.65.1.3/32'], ['10.65.0.1/32']));
      expect(await matrix(80)).toEqual([false, true]);
      await apply(netSetDelta('hosts', ['10.65.0.0/16'], ['10.65.1.3/32']));
      expect(await matrix(80)).toEqual([true, true]);
      await apply(netSetDelta('hosts', [], ['10.65.0.0/16']));
      expect(await matrix(80)).toEqual([false, false]);
    });

    it('reach named ports only where the set has address, protocol and port', async () => {
      const a = lab.addWorkload('a', '10.65.0.1');
      const b = lab.addWorkload('b', '10.65.0.2');
      const named = 'n:web' as IpSetId;
      await apply(
        ...start,
        { type: 'ip-set-update', id: named, kind: 'ip-port', members: [ipPortMember(parseIp(b.address), 'tcp', 8080)] },
        policy('web', [rule('allow', { protocol: 6, destination: { namedPorts: [named] } })]),
        policy('client', [], [rule('allow')]),
        endpoint('a', a.address, ['client']),
        endpoint('b', b.address, ['web']),
      );
      expect(await canConnect(a, b.address, 8080)).toBe(true);
      expect(await canConnect(a, b.address, 8081)).toBe(false);
    });

    it('of IPv6 pass by policy alone, and find their neighbours under it', async () => {
      const a = lab.addWorkload('a', '10.65.0.1');
      const b = lab.addWorkload('b', '10.65.0.2');
      driver.installSkeleton();
      lab.addIpv6(a, 'fd00::1');
      lab.addIpv6(b, 'fd00::2');
      expect(await canConnect(a, 'fd00::2', 80)).toBe(false);
      const web = rule('allow', {
        protocol: 6,
        source: { sets: [setId('v6')], notNets: [parseCidr('fd00:7::/40')] },
        destination: { ports: [{ first: 80, last: 80 }] },
      });
      await apply(
        ...start,
        netSet('v6', ['fd00::1/128', '10.65.0.9/32']),
        policy('web', [web], [rule('allow')]),
        endpoint('a', a.address, ['web']),
        endpoint('b', b.address, ['web']),
      );
      // The first of them still waits for a neighbour that did not answer before.
      while (!(await canConnect(a, 'fd00::2', 80))) await delay(10);
      expect(await canConnect(a, 'fd00::2', 81)).toBe(false);
      expect(await canConnect(a, b.address, 80)).toBe(false);
    });

    it('with a source that is not the workload’s own go nowhere, unless it is one that may be used', async () => {
      const a = lab.addWorkload('a', '10.65.0.1');
      const b = lab.addWorkload('b', '10.65.0.2');
      await apply(...start, allowAll, endpoint('b', b.address, ['allow']), endpoint('a', '10.65.0.99', ['allow']));
      expect(await canConnect(a, b.address, 80)).toBe(true);
      // The way back to 10.65.0.1 leads elsewhere now.
      const z = lab.addWorkload('z', '10.65.0.77');
      lab.moveRoute('10.65.0.1', z.interfaceName);
      expect(await canConnect(a, b.address, 80)).toBe(false);
      lab.moveRoute('10.65.0.1', 'calia');
      expect(await canConnect(a, b.address, 80)).toBe(true);
    });
  });

  describe('a new driver on an old state', () => {
    const state: readonly Intent[] = [
      ...start,
      netSet('mixed', ['10.65.0.1/32', '10.65.1.0/24', '0.0.0.0/0', 'fd00::1/128', '::/0']),
      policy(
        'p',
        [
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
        ],
        [rule('allow')],
      ),
      endpoint('a', '10.65.0.1', ['p']),
      endpoint('b', '10.65.0.2', ['p'], { allowedSourcePrefixes: [parseCidr('10.99.0.0/16')] }),
    ];

    it('writes nothing when nothing differs, and after that what does', async () => {
      const a = lab.addWorkload('a', '10.65.0.1');
      const b = lab.addWorkload('b', '10.65.0.2');
      expect(await apply(...state)).toBeGreaterThan(0);
      driver.close();
      driver = open();
      driver.installSkeleton();
      expect(await canConnect(a, b.address, 80)).toBe(true);
      expect(await apply(...state)).toBe(0);
      driver.resync();
      expect(await apply()).toBe(0);
      expect(warnings).toEqual([]);
      expect(await canConnect(a, b.address, 80)).toBe(true);
      await apply(removeEndpoint('b'));
      expect(await canConnect(a, b.address, 80)).toBe(false);
    });

    it('leaves nothing of what is gone', async () => {
      await apply(...start);
      const before = driver.counts();
      driver.close();
      driver = open();
      await apply(...state);
      const sizes = ({ chains, rules, sets }: PolicyCounts): object => ({ chains, rules, sets });
      expect(driver.counts().rules).toBeGreaterThan(before.rules);
      await apply(removeEndpoint('a'), removeEndpoint('b'), removePolicy('p'), {
        type: 'ip-set-remove',
        id: setId('mixed'),
      });
      expect(sizes(driver.counts())).toEqual(sizes(before));
      driver.close();
      driver = open();
      await apply(...start);
      expect(driver.writes).toBe(0);
    });
  });

  it('takes whatever LogPrefix says, in no more than the kernel takes', async () => {
    const prefixes = ['x'.repeat(200), 'é'.repeat(100), 'a"b\'c\nd%t $(x)`y`\\', '%k %p of %t'];
    for (const logPrefix of prefixes) {
      driver.close();
      driver = openDriver({ netns: lab.netns, families: [4, 6], rules: { ...defaultRuleOptions, logPrefix } });
      await apply(...start, policy('p', [rule('log'), rule('allow')]), endpoint('a', '10.65.0.1', ['p']));
      expect(driver.hasProblems).toBe(false);
      driver.close();
      driver = openDriver({ netns: lab.netns, families: [4, 6], rules: { ...defaultRuleOptions, logPrefix } });
      expect(await apply(...start, policy('p', [rule('log'), rule('allow')]), endpoint('a', '10.65.0.1', ['p']))).toBe(
        0,
      );
    }
  });

  describe('a chain that the kernel refuses', () => {
    it('drops its workload’s traffic and holds up nothing else', async () => {
      const a = lab.addWorkload('a', '10.65.0.1');
      const b = lab.addWorkload('b', '10.65.0.2');
      const c = lab.addWorkload('c', '10.65.0.3');
      const broken = { profiles: ['never-announced'] };
      await apply(
        ...start,
        allowAll,
        endpoint('a', a.address, ['allow']),
        endpoint('b', b.address, ['allow']),
        endpoint('c', c.address, ['allow'], broken),
      );
      expect(await canConnect(a, b.address, 80)).toBe(true);
      expect(await canConnect(a, c.address, 80)).toBe(false);
      const refused = warnings.map((fields) => (fields as { chain: string }).chain.replace('filter-', ''));
      expect(refused.toSorted()).toEqual(['cali-fw-calic', 'cali-fw-calic', 'cali-tw-calic', 'cali-tw-calic']);
      expect(driver.problemOf(local(endpoint('c', c.address, ['allow'])))).toContain('cali-tw-calic');
      expect(driver.problemOf(local(endpoint('a', a.address, ['allow'])))).toBeUndefined();
      await apply(endpoint('c', c.address, ['allow']));
      expect(await canConnect(a, c.address, 80)).toBe(true);
    });
  });
});
