import { createNetns, deleteNetns } from '@calico-node/netlink';
import { parseCidr, parseIp, type Family } from '@calico-node/net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Intent } from '../src/calc/intents.ts';
import { allHostsSet, masqueradePoolsSet, networkPoolsSet, type IpSetId } from '../src/calc/ip-set.ts';
import { defaultRuleOptions, type RuleOptions } from '../src/rules/options.ts';
import { drivers } from './support/drivers.ts';
import { endpoint, policy, rule, start } from './support/intents.ts';
import { canConnect, NodeLab, runIn, type Workload } from './support/node-lab.ts';

/** The node, a host outside that knows no way to the pools, and what workloads have. */
const network = {
  4: {
    pool: '10.65.0.0/16',
    node: '172.16.0.1',
    outside: '172.16.0.254',
    a: '10.65.0.1',
    b: '10.65.0.2',
    floating: '203.0.113.7',
  },
  6: {
    pool: 'fd00:65::/64',
    node: 'fd00:16::1',
    outside: 'fd00:16::fe',
    a: 'fd00:65::1',
    b: 'fd00:65::2',
    floating: 'fd00:7::7',
  },
} as const;
const families = [4, 6] as const;

const netSet = (id: IpSetId, ...members: readonly string[]): Intent => ({
  type: 'ip-set-update',
  id,
  kind: 'net',
  members: members.map((text) => parseCidr(text)),
});
const pools = families.map((family) => network[family].pool);

describe.each(Object.entries(drivers))('%s', (_, openDriver) => {
  let stack: DisposableStack;
  let lab: NodeLab;
  let outside: Workload;
  let workloads: Record<'a' | 'b', Workload>;

  beforeEach(() => {
    stack = new DisposableStack();
    lab = stack.use(new NodeLab());
    workloads = { a: lab.addWorkload('a', network[4].a), b: lab.addWorkload('b', network[4].b) };
    const netns = `${lab.netns}-x`;
    createNetns(netns);
    stack.defer(() => {
      deleteNetns(netns);
    });
    outside = { netns, interfaceName: 'fabric', address: network[4].outside };
    runIn(lab.netns, 'ip', 'link', 'set', 'fabric', 'netns', netns);
    runIn(netns, 'ip', 'link', 'set', 'lo', 'up');
    runIn(netns, 'ip', 'link', 'set', 'fabric', 'up');
    runIn(netns, 'ip', 'address', 'add', `${network[4].outside}/24`, 'dev', 'fabric');
    runIn(netns, 'ip', 'route', 'add', network[4].floating, 'via', network[4].node);
    runIn(netns, 'ip', 'address', 'add', `${network[6].outside}/64`, 'dev', 'fabric', 'nodad');
    runIn(lab.netns, 'ip', 'address', 'add', `${network[6].node}/64`, 'dev', 'eth0', 'nodad');
    // What it asks its neighbours from, at once.
    runIn(lab.netns, 'ip', 'address', 'add', 'fe80::16:1/64', 'dev', 'eth0', 'nodad');
    runIn(netns, 'ip', 'route', 'add', network[6].floating, 'via', network[6].node);
    lab.addIpv6(workloads.a, network[6].a);
    lab.addIpv6(workloads.b, network[6].b);
    // Whom they see when a connection comes.
    for (const where of [netns, workloads.b.netns]) {
      runIn(
        where,
        'nft',
        `table inet seen {
          set sources4 { type ipv4_addr; flags dynamic; size 64; }
          set sources6 { type ipv6_addr; flags dynamic; size 64; }
          chain new {
            type filter hook input priority 0;
            tcp flags == syn add @sources4 { ip saddr }
            tcp flags == syn add @sources6 { ip6 saddr }
          }
        }`,
      );
    }
  });

  afterEach(() => {
    stack.dispose();
  });

  async function open(
    masqueraded: readonly string[],
    options: Partial<RuleOptions>,
    ...nats: readonly string[]
  ): Promise<void> {
    const driver = stack.adopt(
      openDriver({ netns: lab.netns, families, rules: { ...defaultRuleOptions, ...options } }),
      (it) => {
        it.close();
      },
    );
    const allow = [rule('allow')];
    const of = (name: 'a' | 'b', floating: readonly string[]): Intent =>
      endpoint(name, network[4][name], ['all'], {
        addresses: families.map((family) => parseCidr(`${network[family][name]}/${family === 4 ? 32 : 128}`)),
        nats: floating.map((external) => ({
          internal: parseIp(network[external.includes(':') ? 6 : 4][name]),
          external: parseIp(external),
        })),
      });
    driver.update([
      ...start,
      netSet(networkPoolsSet, ...pools),
      netSet(masqueradePoolsSet, ...masqueraded),
      netSet(allHostsSet, `${network[4].node}/32`, `${network[6].node}/128`),
      policy('all', allow, allow),
      of('a', []),
      of('b', nats),
    ]);
    await driver.apply();
  }

  /** The sources of new connections that somebody has seen. */
  function seenBy(where: Workload, family: Family): string[] {
    const listing = runIn(where.netns, 'nft', '-n', 'list', 'set', 'inet', 'seen', `sources${family}`);
    const elements = /elements = \{([^}]*)\}/.exec(listing)?.[1] ?? '';
    return elements.split(',').flatMap((element) => /[0-9a-f.:]+/.exec(element)?.slice(0, 1) ?? []);
  }

  test('what leaves a pool has the node’s address, what stays does not', async () => {
    await open(pools, {});
    for (const family of families) {
      const { outside: far, node, a, b } = network[family];
      expect(await canConnect(workloads.a, far, 80)).toBe(true);
      expect(await canConnect(workloads.a, b, 80)).toBe(true);
      expect(seenBy(outside, family)).toEqual([node]);
      expect(seenBy(workloads.b, family)).toEqual([a]);
    }
  });

  test('a pool without natOutgoing keeps its addresses', async () => {
    await open([], {});
    const tries = families.map((family) => canConnect(workloads.a, network[family].outside, 80));
    expect(await Promise.all(tries)).toEqual([false, false]);
    for (const family of families) expect(seenBy(outside, family)).toEqual([network[family].a]);
  });

  test('a floating address leads to its workload, from near and far', async () => {
    await open(pools, { floatingIps: true }, ...families.map((family) => network[family].floating));
    for (const family of families) {
      const { outside: far, floating, a, b } = network[family];
      expect(await canConnect(outside, floating, 80)).toBe(true);
      expect(await canConnect(workloads.a, floating, 80)).toBe(true);
      expect(seenBy(workloads.b, family).sort()).toEqual([a, far].sort());
      // A workload that reaches itself so sees the floating address at the other end.
      expect(await canConnect(workloads.b, floating, 81)).toBe(true);
      expect(seenBy(workloads.b, family)).toContain(floating);
      expect(seenBy(workloads.b, family)).not.toContain(b);
    }
  });
});
