/** Flows verified in the kernel, by each driver: a real packet's trace beside what policy says. */
import { parseNodeName } from '@calico-node/net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CalcGraph } from '../src/calc/calc-graph.ts';
import type { Intent, LocalWorkloadEndpoint } from '../src/calc/intents.ts';
import { stored, storedEndpoint } from '../src/calc/testing/resources.ts';
import type { DriverChoice } from '../src/dataplane/driver-choice.ts';
import type { PolicyDriver } from '../src/dataplane/policy-driver.ts';
import { verifyFlow, type Verification, type VerifyingNode } from '../src/explain/verify-flow.ts';
import { nodePolicyOf } from '../src/rule-options.ts';
import { defaultRuleOptions } from '../src/rules/options.ts';
import { drivers } from './support/drivers.ts';
import { NodeLab, runIn } from './support/node-lab.ts';

const profiles = ['projectcalico-default-allow'];
const updates = [
  storedEndpoint({
    workload: '1',
    labels: { app: 'a' },
    spec: { profiles, ipNetworks: ['10.65.0.1/32', 'fd65::1/128'] },
  }),
  storedEndpoint({
    workload: '2',
    labels: { app: 'b' },
    spec: { profiles, ipNetworks: ['10.65.0.2/32', 'fd65::2/128'] },
  }),
  storedEndpoint({ workload: '3', node: 'node2', spec: { profiles, ipNetworks: ['172.16.0.3/32'] } }),
  stored(
    'GlobalNetworkPolicy',
    { name: 'to-b' },
    {
      tier: 'default',
      selector: "app == 'b'",
      types: ['Ingress'],
      ingress: [
        { action: 'Deny', protocol: 'TCP', destination: { ports: [81] } },
        { action: 'Allow', protocol: 'TCP', source: { selector: "app == 'a'" } },
        { action: 'Allow', protocol: 'UDP' },
      ],
    },
    7n,
  ),
];

const choices: Readonly<Record<string, DriverChoice>> = {
  nftables: { kind: 'nftables' },
  'iptables-legacy': { kind: 'iptables', variant: 'legacy' },
  'iptables-nft': { kind: 'iptables', variant: 'nft' },
};

/** What stands where a rule of ours should decide: it lets everything to workload 2 pass. */
function tamper(lab: NodeLab, driver: string): void {
  if (driver === 'nftables') lab.nft('insert', 'rule', 'ip', 'calico', 'filter-cali-tw-cali2', 'accept');
  else runIn(lab.netns, driver, '-I', 'cali-tw-cali2', '-j', 'ACCEPT');
}

describe.for(Object.entries(drivers))('%s', ([name, open]) => {
  let lab: NodeLab;
  let driver: PolicyDriver;
  let graph: CalcGraph;
  let node: VerifyingNode;

  beforeEach(async () => {
    lab = new NodeLab();
    for (const number of ['1', '2']) {
      const workload = lab.addWorkload(number, `10.65.0.${number}`);
      lab.addIpv6(workload, `fd65::${number}`);
    }
    driver = open({ netns: lab.netns, families: [4, 6], rules: defaultRuleOptions });
    graph = new CalcGraph({ hostname: parseNodeName('node1') });
    for (const update of updates) graph.update(update);
    graph.onInSync();
    const { intents } = graph.flush();
    driver.update(intents);
    await driver.apply();
    const endpoints = localEndpoints(intents);
    node = {
      netns: lab.netns,
      hostname: parseNodeName('node1'),
      interfacePrefixes: ['cali'],
      filter: choices[name]!,
      maxChainNameLength: defaultRuleOptions.maxChainNameLength,
      endpoints: () => endpoints,
      families: [4, 6],
    };
  });

  afterEach(() => {
    driver.close();
    lab[Symbol.dispose]();
  });

  function verify(from: string, to: string, protocol: number, destinationPort: number): Promise<Verification> {
    const header = { protocol, sourcePort: 50000 + Math.floor(Math.random() * 10000), destinationPort };
    return verifyFlow(graph, nodePolicyOf(defaultRuleOptions), node, { from, to, header });
  }

  const brief = ({ expected, kernel, half }: Verification) => [expected.verdict, kernel, half];
  const owners = ({ rules }: Verification) =>
    new Set(
      rules.flatMap(({ meaning }) => (meaning === undefined ? [] : [`${meaning.owner.name} ${meaning.direction}`])),
    );

  test('what policy says of two workloads’ packets, the kernel does, and its rules have their policy’s names', async () => {
    const allowed = await verify('1', '2', 6, 80);
    expect(brief(allowed)).toEqual(['allow', 'allow', 'whole']);
    expect(allowed).toMatchObject({ enteredBy: 'cali1', leavesBy: 'cali2', gap: '' });
    expect(owners(allowed)).toEqual(
      new Set(['default/1 egress', 'projectcalico-default-allow egress', 'default/2 ingress', 'to-b ingress']),
    );
    const denied = await verify('10.65.0.1', 'default/2', 6, 81);
    expect(brief(denied)).toEqual(['deny', 'deny', 'whole']);
    expect(denied.rules.at(-1)).toMatchObject({ verdict: 'drop', meaning: { owner: { name: 'to-b' }, ruleIndex: 0 } });
    expect(brief(await verify('2', '1', 6, 81))).toEqual(['allow', 'allow', 'whole']);
  });

  test('IPv6, UDP, SCTP and ICMP are verified as well', async () => {
    expect(brief(await verify('fd65::1', 'fd65::2', 6, 80))).toEqual(['allow', 'allow', 'whole']);
    expect(brief(await verify('fd65::1', 'fd65::2', 6, 81))).toEqual(['deny', 'deny', 'whole']);
    expect(brief(await verify('1', '2', 17, 53))).toEqual(['allow', 'allow', 'whole']);
    // With a wrong checksum it would be no connection.
    expect(brief(await verify('2', '1', 132, 5000))).toEqual(['allow', 'allow', 'whole']);
    const ping = { from: '1', to: '2', header: { protocol: 1, icmpType: 8, icmpCode: 0 } };
    const pinged = await verifyFlow(graph, nodePolicyOf(defaultRuleOptions), node, ping);
    expect(brief(pinged)).toEqual(['deny', 'deny', 'whole']);
  });

  test('of a flow that leaves the node or comes to it, the half that is here is verified', async () => {
    const leaving = await verify('1', '3', 6, 80);
    expect(brief(leaving)).toEqual(['allow', 'allow', 'egress']);
    expect(leaving.leavesBy).toBe('eth0');
    expect(brief(await verify('3', '2', 6, 80))).toEqual(['deny', 'deny', 'ingress']);
    expect(brief(await verify('172.16.0.9', '2', 17, 53))).toEqual(['allow', 'allow', 'whole']);
    expect(brief(await verify('172.16.0.1', '2', 6, 81))).toEqual(['allow', 'allow', 'whole']);
    expect(brief(await verify('2', '172.16.0.1', 6, 22))).toEqual(['deny', 'deny', 'whole']);
    await expect(verify('3', '172.16.0.9', 6, 80)).rejects.toMatchObject({ code: 'elsewhere' });
  });

  test('a rule that somebody put into the kernel shows, with what it did', async () => {
    tamper(lab, name);
    const opened = await verify('1', '2', 6, 81);
    expect(brief(opened)).toEqual(['deny', 'allow', 'whole']);
    expect(opened.rules.filter(({ meaning }) => meaning?.owner.name === 'default/2')).toMatchObject([
      { position: 1, verdict: 'accept', meaning: { direction: 'ingress' } },
    ]);
    lab.nft('add table ip foreign; add chain ip foreign f { type filter hook forward priority -5; }');
    lab.nft('add rule ip foreign f tcp dport 80 counter drop comment "closed for lunch"');
    const closed = await verify('1', '2', 6, 80);
    expect(brief(closed)).toEqual(['allow', 'deny', 'whole']);
    expect(closed.rules.find(({ verdict }) => verdict === 'drop')).toEqual({
      table: 'ip foreign',
      chain: 'f',
      position: 1,
      verdict: 'drop',
      comment: 'closed for lunch',
    });
  });

  test('the packet gets to nobody, and leaves nothing', async () => {
    const listing = (): string =>
      ['ip -br link', 'nft list tables', 'cat /proc/sys/net/netfilter/nf_log/2']
        .map((command) => runIn(lab.netns, ...command.split(' ')))
        .join('\n');
    const before = listing();
    /** IPv4 packets that have come to workload 2. */
    const received = (): number => {
      const [, values] = runIn(`${lab.netns}-2`, 'cat', '/proc/net/snmp').match(/^Ip: .*$/gm)!;
      return Number(values!.split(' ')[3]);
    };
    const count = received();
    expect(count).toBeGreaterThanOrEqual(0);
    expect((await verify('1', '2', 6, 80)).kernel).toBe('allow');
    expect(received()).toBe(count);
    expect(listing()).toBe(before);
  });
});

function localEndpoints(intents: readonly Intent[]): readonly LocalWorkloadEndpoint[] {
  return intents.flatMap((intent) => (intent.type === 'workload-endpoint-update' ? [intent.endpoint] : []));
}
