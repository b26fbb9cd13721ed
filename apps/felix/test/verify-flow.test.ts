/** Flows verified in the kernel, by each driver: a real packet's trace beside what policy says. */
import { parseNodeName } from '@calico-node/net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CalcGraph, type StoreUpdate } from '../src/calc/calc-graph.ts';
import type { Intent, LocalWorkloadEndpoint } from '../src/calc/intents.ts';
import { stored, storedEndpoint } from '../src/calc/testing/resources.ts';
import type { DriverChoice } from '../src/dataplane/driver-choice.ts';
import type { PolicyDriver } from '../src/dataplane/policy-driver.ts';
import { verifyFlow, type Verification, type VerifyingNode } from '../src/explain/verify-flow.ts';
import { nodePolicyOf } from '../src/rule-options.ts';
import { defaultRuleOptions, type RuleOptions } from '../src/rules/options.ts';
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
    spec: {
      profiles,
      ipNetworks: ['10.65.0.2/32', 'fd65::2/128'],
      ipNATs: [{ internalIP: '10.65.0.2', externalIP: '203.0.113.7' }],
    },
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

const options: RuleOptions = {
  ...defaultRuleOptions,
  floatingIps: true,
  failsafes: { inbound: [{ protocol: 6, port: 22 }], outbound: [] },
};

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
    driver = open({ netns: lab.netns, families: [4, 6], rules: options });
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
      floatingIps: true,
    };
  });

  afterEach(() => {
    driver.close();
    lab[Symbol.dispose]();
  });

  function verify(from: string, to: string, protocol: number, destinationPort: number): Promise<Verification> {
    const header = { protocol, sourcePort: 50000 + Math.floor(Math.random() * 10000), destinationPort };
    return verifyFlow(graph, nodePolicyOf(options), node, { from, to, header });
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
    const pinged = await verifyFlow(graph, nodePolicyOf(options), node, ping);
    expect(brief(pinged)).toEqual(['deny', 'deny', 'whole']);
    // Of what begins no connection, connection tracking alone decides.
    const unreachable = { from: '2', to: '1', header: { protocol: 1, icmpType: 3, icmpCode: 1 } };
    await expect(verifyFlow(graph, nodePolicyOf(options), node, unreachable)).rejects.toMatchObject({
      code: 'elsewhere',
      message: expect.stringContaining('ICMP type 3 begins no connection') as string,
    });
  });

  test('of a flow that leaves the node or comes to it, the half that is here is verified', async () => {
    const leaving = await verify('1', '3', 6, 80);
    expect(brief(leaving)).toEqual(['allow', 'allow', 'egress']);
    expect(leaving.leavesBy).toBe('eth0');
    expect(brief(await verify('3', '2', 6, 80))).toEqual(['deny', 'deny', 'ingress']);
    expect(brief(await verify('172.16.0.9', '2', 17, 53))).toEqual(['allow', 'allow', 'whole']);
    expect(brief(await verify('172.16.0.1', '2', 6, 81))).toEqual(['allow', 'allow', 'whole']);
    expect(brief(await verify('2', '172.16.0.1', 6, 22))).toEqual(['deny', 'deny', 'whole']);
    await expect(verify('3', '172.16.0.9', 6, 80)).rejects.toMatchObject({
      code: 'elsewhere',
      message: expect.stringMatching(/neither end is here; ask on \S+$/) as string,
    });
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

  /** Puts further resources into force. */
  async function take(...more: readonly StoreUpdate[]): Promise<void> {
    for (const update of more) graph.update(update);
    driver.update(graph.flush().intents);
    await driver.apply();
  }

  const hostEndpoint = stored(
    'HostEndpoint',
    { name: 'own', labels: { host: '' } },
    { node: 'node1', interfaceName: 'eth0', expectedIPs: ['172.16.0.1'] },
  );
  const reasonOf = ({ expected }: Verification) => expected.steps.at(-1)?.reason;

  test('what host endpoints’ policy says of the host’s own packets, the kernel does', async () => {
    const spec = {
      tier: 'default',
      selector: 'has(host)',
      types: ['Ingress' as const, 'Egress' as const],
      ingress: [{ action: 'Allow' as const, protocol: 'TCP', destination: { ports: [8080] } }],
      egress: [{ action: 'Allow' as const, protocol: 'TCP', destination: { ports: [443] } }],
    };
    await take(hostEndpoint, stored('GlobalNetworkPolicy', { name: 'hosts' }, spec));
    const received = await verify('172.16.0.9', 'own', 6, 8080);
    expect(brief(received)).toEqual(['allow', 'allow', 'whole']);
    expect(owners(received)).toEqual(new Set(['own ingress', 'hosts ingress']));
    expect(brief(await verify('172.16.0.9', '172.16.0.1', 6, 8081))).toEqual(['deny', 'deny', 'whole']);
    const failsafe = await verify('172.16.0.9', 'own', 6, 22);
    expect([...brief(failsafe), reasonOf(failsafe)]).toEqual(['allow', 'allow', 'whole', { type: 'failsafe' }]);
    const sent = await verify('own', '172.16.0.9', 6, 443);
    expect(brief(sent)).toEqual(['allow', 'allow', 'whole']);
    expect(sent).toMatchObject({ enteredBy: '', leavesBy: 'eth0' });
    expect(brief(await verify('172.16.0.1', '172.16.0.9', 6, 444))).toEqual(['deny', 'deny', 'whole']);
  });

  test('what a host endpoint’s policy says of packets that the host forwards, the kernel does', async () => {
    const spec = { tier: 'default', selector: 'has(host)', types: ['Ingress' as const], applyOnForward: true };
    await take(
      hostEndpoint,
      stored(
        'GlobalNetworkPolicy',
        { name: 'forwarded' },
        { ...spec, ingress: [{ action: 'Deny', protocol: 'UDP', destination: { ports: [54] } }, { action: 'Allow' }] },
      ),
      stored(
        'GlobalNetworkPolicy',
        { name: 'early' },
        { ...spec, preDNAT: true, ingress: [{ action: 'Deny', protocol: 'UDP', destination: { ports: [55] } }] },
      ),
    );
    expect(brief(await verify('172.16.0.9', '2', 17, 53))).toEqual(['allow', 'allow', 'whole']);
    for (const [port, policy] of [
      [54, 'forwarded'],
      [55, 'early'],
    ] as const) {
      const denied = await verify('172.16.0.9', '2', 17, port);
      expect(brief(denied)).toEqual(['deny', 'deny', 'whole']);
      expect(reasonOf(denied)).toMatchObject({ hit: { owner: { name: policy } } });
      expect(denied.rules.at(-1)).toMatchObject({ verdict: 'drop', meaning: { owner: { name: policy } } });
    }
    expect(brief(await verify('1', '2', 17, 54))).toEqual(['allow', 'allow', 'whole']);
  });

  test('policy is asked of where the kernel sends a packet whose destination it translates', async () => {
    lab.nft(`table ip services {
      chain pre {
        type nat hook prerouting priority -100
        ip daddr 10.96.0.1 tcp dport 8000 dnat to 10.65.0.2:80
        ip daddr 10.96.0.1 tcp dport 8001 dnat to 10.65.0.2:81
      }
    }`);
    const allowed = await verify('1', '10.96.0.1', 6, 8000);
    expect(brief(allowed)).toEqual(['allow', 'allow', 'whole']);
    expect(allowed).toMatchObject({
      packet: { destination: '10.96.0.1', destinationPort: 8000 },
      seen: { destination: '10.65.0.2', destinationPort: 80 },
      leavesBy: 'cali2',
    });
    const denied = await verify('1', '10.96.0.1', 6, 8001);
    expect([...brief(denied), denied.seen.destinationPort]).toEqual(['deny', 'deny', 'whole', 81]);
    const floating = await verify('172.16.0.9', '203.0.113.7', 17, 53);
    expect([...brief(floating), floating.seen.destination]).toEqual(['allow', 'allow', 'whole', '10.65.0.2']);
    expect(brief(await verify('1', '203.0.113.7', 6, 81))).toEqual(['deny', 'deny', 'whole']);
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
