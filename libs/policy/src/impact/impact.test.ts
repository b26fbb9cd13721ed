import type { Resource, Rule, WorkloadEndpoint } from '@calico-node/model';
import { parseIp } from '@calico-node/net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decideFlow, type FlowEnd } from '../flow-decision.ts';
import { memberOfWorkloadEndpoint } from '../members.ts';
import { worldOf } from '../resource-world.ts';
import { nodePolicy, packet, resource } from '../testing/resources.ts';
import { ImpactAnalysis, type Impact } from './impact.ts';

const open = resource('Profile', 'open', { ingress: [{ action: 'Allow' }], egress: [{ action: 'Allow' }] });

function endpoint(name: string, labels: Record<string, string>, ipNetworks: string[], profiles = ['open']): Resource {
  const spec = { node: 'n', orchestrator: 'k8s', pod: name, endpoint: 'eth0', ipNetworks, profiles };
  return resource('WorkloadEndpoint', `n-k8s-${name}-eth0`, spec as never, { namespace: 'ns', labels });
}

function policy(name: string, selector: string, ingress: Rule[], more: object = {}): Resource {
  return resource('GlobalNetworkPolicy', name, { selector, types: ['Ingress'], ingress, ...more });
}

const impact = (before: Resource[], after: Resource[], limit?: number): Impact =>
  new ImpactAnalysis(before, after, nodePolicy, limit).pairs();

const web = ['1', '2', '3'].map((number) => endpoint(`web${number}`, { app: 'web' }, [`10.0.0.${number}/32`]));
const db = endpoint('db', { app: 'db' }, ['10.0.1.1/32']);
const other = endpoint('other', {}, ['10.0.2.1/32']);
const world = [open, ...web, db, other];

test('pairs whose verdict changes are told by groups, with the traffic and what denies', () => {
  const allow = { action: 'Allow' as const, protocol: 'TCP', source: { selector: "app == 'web'" } };
  const toDb = policy('to-db', "app == 'db'", [
    { ...allow, destination: { ports: [5432, '6000:6001'] } },
    { ...allow, protocol: 'ICMP', icmp: { type: 8 } },
  ]);
  const found = impact(world, [...world, toDb]);
  const denied = { before: 'allow', after: 'deny', because: 'end of tier default, ingress' };
  expect(found.unexamined).toBe(0);
  expect(found.groups).toEqual([
    {
      from: ['ns/web1', 'ns/web2', 'ns/web3'],
      to: ['ns/db'],
      pairs: 3,
      changes: [{ ...denied, traffic: 'TCP 0-5431, 5433-5999, 6002-65535; UDP; ICMP of other types; other protocols' }],
    },
    { from: ['anywhere else', 'ns/other'], to: ['ns/db'], pairs: 2, changes: [{ ...denied, traffic: 'all traffic' }] },
  ]);
  expect(found.pairs).toBe(5);
  const back = impact([...world, toDb], world);
  expect(back.groups[0]?.changes[0]).toMatchObject({ before: 'deny', after: 'allow', because: denied.because });
});

test('nothing changes where nothing means anything else', () => {
  const same = policy('p', "app == 'db'", [{ action: 'Allow' }]);
  expect(impact([...world, same], [...world, { ...same, metadata: { name: 'p', resourceVersion: '9' } }])).toEqual({
    groups: [],
    pairs: 0,
    unexamined: 0,
  });
  expect(impact(world, [...world, policy('q', "app == 'nobody'", [{ action: 'Deny' }])]).pairs).toBe(0);
  expect(impact(world, [...world, same]).pairs).toBe(0);
  const staged = resource('StagedGlobalNetworkPolicy', 's', { types: ['Ingress'], ingress: [{ action: 'Deny' }] });
  expect(impact(world, [...world, staged]).pairs).toBe(0);
});

test('a network set, a label, a tier and a profile change verdicts too', () => {
  const set = (nets: string[]) => resource('GlobalNetworkSet', 'bad', { nets }, { labels: { bad: '' } });
  const deny = policy('no-bad', "app == 'db'", [
    { action: 'Deny', source: { selector: 'has(bad)' } },
    { action: 'Allow' },
  ]);
  const sets = impact([...world, deny, set([])], [...world, deny, set(['10.0.2.0/24', '203.0.113.0/24'])]);
  expect(sets.groups).toMatchObject([
    {
      from: ['10.0.2.0/24 (GlobalNetworkSet bad)', '203.0.113.0/24 (GlobalNetworkSet bad)', 'ns/other'],
      to: ['ns/db'],
    },
  ]);
  const bad = endpoint('other', { bad: '' }, ['10.0.2.1/32']);
  const labels = impact([...world, deny], [...world.filter((each) => each !== other), bad, deny]);
  expect(labels.groups).toMatchObject([{ from: ['ns/other'], to: ['ns/db'], pairs: 1 }]);
  const tier = (defaultAction: 'Deny' | 'Pass') => resource('Tier', 't', { order: 1, defaultAction });
  const inTier = policy('t.p', "app == 'db'", [{ action: 'Pass', protocol: 'UDP' }], { tier: 't' });
  expect(impact([...world, inTier, tier('Pass')], [...world, inTier, tier('Deny')]).groups).toMatchObject([
    { to: ['ns/db'], pairs: 5, changes: [{ because: 'end of tier t, ingress' }] },
  ]);
  const closed = resource('Profile', 'open', { ingress: [], egress: [{ action: 'Allow' }] });
  expect(impact(world, [closed, ...world.slice(1)]).pairs).toBe(25);
});

const allowWeb = policy('to-db', "app == 'db'", [
  { action: 'Allow', protocol: 'TCP', source: { selector: "app == 'web'" }, destination: { ports: [5432] } },
]);

test('of an endpoint that comes or goes, what is allowed is told', () => {
  const closed = resource('Profile', 'closed', { ingress: [], egress: [{ action: 'Allow' }] });
  const web4 = endpoint('web4', { app: 'web' }, ['10.0.0.4/32'], ['closed']);
  const known = [...world, closed, allowWeb];
  const comes = impact(known, [...known, web4]);
  const allowed = { before: 'absent', after: 'allow' };
  expect(comes.groups.map(({ from, to, changes }) => [from, to, ...changes])).toEqual([
    [
      ['ns/web4'],
      ['ns/other', 'ns/web1', 'ns/web2', 'ns/web3'],
      { ...allowed, traffic: 'all traffic', because: 'Profile open, ingress[0]' },
    ],
    [['ns/web4'], ['ns/db'], { ...allowed, traffic: 'TCP 5432', because: 'GlobalNetworkPolicy to-db, ingress[0]' }],
    [['ns/web4'], ['anywhere else'], { ...allowed, traffic: 'all traffic', because: 'Profile closed, egress[0]' }],
  ]);
  const goes = impact([...known, web4], known);
  expect(goes.groups.map(({ from, to, changes }) => [from, to, changes[0]?.before, changes[0]?.after])).toEqual(
    comes.groups.map(({ from, to }) => [from, to, 'allow', 'absent']),
  );
  const analysis = new ImpactAnalysis([...known, web4], known, nodePolicy);
  const live = packet({ source: parseIp('10.0.0.4'), destination: parseIp('10.0.1.1'), destinationPort: 5432 });
  expect(analysis.flow(live)).toMatchObject({ from: 'ns/web4', to: 'ns/db', before: 'allow', after: 'absent' });
});

test('a host endpoint that comes puts its host under policy, but for failsafe ports', () => {
  const host = resource('HostEndpoint', 'h', { node: 'n2', expectedIPs: ['172.16.0.2'] }, { labels: { host: '' } });
  const toHosts = policy('to-hosts', 'has(host)', [
    { action: 'Allow', protocol: 'TCP', destination: { ports: [443] } },
  ]);
  const known = [...world, toHosts];
  const { groups } = impact(known, [...known, host]);
  const everybody = ['anywhere else', 'ns/db', 'ns/other', 'ns/web1', 'ns/web2', 'ns/web3'];
  const closed = { before: 'allow', after: 'deny' };
  expect(groups).toEqual([
    {
      from: everybody,
      to: ['host h'],
      pairs: 6,
      changes: [
        {
          ...closed,
          traffic: 'TCP 0-21, 23-442, 444-65535; UDP; ICMP; other protocols',
          because: 'end of tier default, ingress',
        },
      ],
    },
    // It has no profile.
    {
      from: ['host h'],
      to: everybody,
      pairs: 6,
      changes: [
        {
          ...closed,
          traffic: 'TCP; UDP 0-52, 54-65535; ICMP; other protocols',
          because: 'no profile allows it, egress',
        },
      ],
    },
  ]);
  const later = impact([...known, host], known);
  expect(later.groups.map(({ changes }) => changes[0]?.after)).toEqual(['allow', 'allow']);
});

test('a host endpoint for all interfaces changes what its node forwards', () => {
  const node = resource('Node', 'n', { bgp: { ipv4Address: '172.16.0.1/24' } });
  const host = resource('HostEndpoint', 'all', { node: 'n', interfaceName: '*' }, { labels: { host: '' } });
  const forward = policy('forward', 'has(host)', [{ action: 'Deny', protocol: 'UDP' }, { action: 'Allow' }], {
    applyOnForward: true,
  });
  const known = [...world, node, forward];
  const { groups } = impact(known, [...known, host]);
  const isWorkload = (name: string): boolean => name.startsWith('ns/');
  expect(groups.filter(({ from, to }) => from.some(isWorkload) && to.some(isWorkload))).toMatchObject([
    {
      changes: [{ traffic: 'UDP', before: 'allow', after: 'deny', because: 'GlobalNetworkPolicy forward, ingress[0]' }],
    },
  ]);
});

test('labels that a namespace gives, and its network sets, count', () => {
  const namespace = (labelsToApply: Record<string, string>) =>
    resource('Profile', 'kns.ns', { labelsToApply, ingress: [{ action: 'Allow' }], egress: [{ action: 'Allow' }] });
  const inNamespace = world.map((each) =>
    each.kind === 'WorkloadEndpoint' ? { ...each, spec: { ...each.spec, profiles: ['kns.ns'] } } : each,
  );
  const deny = policy('no-tests', "app == 'db'", [
    { action: 'Deny', source: { namespaceSelector: "stage == 'test'" } },
    { action: 'Allow' },
  ]);
  const [before, after] = ['prod', 'test'].map((stage) => [...inNamespace, deny, namespace({ 'pcns.stage': stage })]);
  expect(impact(before!, after!).groups).toMatchObject([
    { from: ['ns/other', 'ns/web1', 'ns/web2', 'ns/web3'], to: ['ns/db'], changes: [{ after: 'deny' }] },
  ]);
  const set = resource('NetworkSet', 'far', { nets: ['198.51.100.0/24'] }, { namespace: 'ns', labels: { far: '' } });
  expect(impact(after!, [...after!, set]).groups).toMatchObject([
    { from: ['198.51.100.0/24 (NetworkSet ns/far)'], to: ['ns/db'], changes: [{ after: 'deny' }] },
  ]);
});

test('the families of addresses are told apart where they differ', () => {
  const both = [
    open,
    endpoint('a', { app: 'a' }, ['10.0.0.1/32', 'fd00::1/128']),
    endpoint('b', {}, ['10.0.0.2/32', 'fd00::2/128']),
  ];
  const v6 = policy('v6', "app == 'a'", [{ action: 'Allow', ipVersion: 4 }]);
  expect(impact(both, [...both, v6]).groups).toMatchObject([
    { from: ['anywhere else', 'ns/b'], changes: [{ traffic: 'IPv6 all traffic', after: 'deny' }] },
  ]);
});

test('named ports, source ports and protocols without ports are told as the rules cut them', () => {
  const served = resource(
    'WorkloadEndpoint',
    'n-k8s-db-eth0',
    {
      node: 'n',
      orchestrator: 'k8s',
      pod: 'db',
      endpoint: 'eth0',
      ipNetworks: ['10.0.1.1/32'],
      profiles: ['open'],
      ports: [{ name: 'sql', protocol: 'TCP', port: 5432 }],
    },
    { namespace: 'ns', labels: { app: 'db' } },
  );
  const rules: Rule[] = [
    { action: 'Deny', protocol: 'TCP', destination: { ports: ['sql'] } },
    { action: 'Deny', protocol: 'UDP', source: { ports: [53] }, destination: { ports: ['1000:2000'] } },
    { action: 'Deny', protocol: 47 },
    { action: 'Allow' },
  ];
  const [group] = impact([open, served, other], [open, served, other, policy('p', "app == 'db'", rules)]).groups;
  expect(group?.changes.map(({ traffic, because }) => [traffic, because])).toEqual([
    ['TCP 5432', 'GlobalNetworkPolicy p, ingress[0]'],
    ['UDP 1000-2000 from port 53', 'GlobalNetworkPolicy p, ingress[1]'],
    ['protocol 47', 'GlobalNetworkPolicy p, ingress[2]'],
  ]);
});

test('past the limit pairs are counted only', () => {
  const found = impact(world, [...world, policy('p', 'all()', [{ action: 'Deny' }])], 1);
  // From five endpoints and elsewhere to five endpoints, and from five to elsewhere, but none to itself.
  expect(found.pairs + found.unexamined).toBe(30);
  expect(found.unexamined).toBeGreaterThan(0);
});

test('a live connection is judged by who has its addresses', () => {
  const after = [
    ...world,
    policy('p', "app == 'db'", [
      { action: 'Deny', protocol: 'TCP', destination: { ports: [80] } },
      { action: 'Allow' },
    ]),
  ];
  const analysis = new ImpactAnalysis(world, after, nodePolicy);
  const to = (destinationPort: number, source = '10.0.0.1') =>
    analysis.flow(packet({ source: parseIp(source), destination: parseIp('10.0.1.1'), destinationPort }));
  expect(to(80)).toEqual({
    from: 'ns/web1',
    to: 'ns/db',
    before: 'allow',
    after: 'deny',
    because: 'GlobalNetworkPolicy p, ingress[0]',
  });
  expect(to(81)).toMatchObject({ before: 'allow', after: 'allow' });
  expect(to(80, '8.8.8.8')).toMatchObject({ from: '8.8.8.8', after: 'deny' });
  expect(analysis.flow(packet({ source: parseIp('8.8.8.8'), destination: parseIp('9.9.9.9') }))).toBeUndefined();
});

test('a host endpoint has a say in what comes from other nodes, and none in what stays on its own', () => {
  const on = (node: string, name: string, ip: string): Resource => {
    const spec = {
      node,
      orchestrator: 'k8s',
      pod: name,
      endpoint: 'eth0',
      ipNetworks: [`${ip}/32`],
      profiles: ['open'],
    };
    return resource('WorkloadEndpoint', `${node}-k8s-${name}-eth0`, spec as never, { namespace: 'ns' });
  };
  const host = (name: string, node: string) =>
    resource('HostEndpoint', name, { node, interfaceName: 'eth0' }, { labels: { host: '' } });
  const rules: Rule[] = [{ action: 'Deny', protocol: 'TCP', destination: { ports: [81] } }, { action: 'Allow' }];
  const forwarded = policy('p', 'has(host)', rules, { applyOnForward: true });
  const groupsOf = (known: Resource[]) =>
    impact(known, [...known, forwarded])
      .groups.filter(({ to }) => to.includes('ns/a'))
      .map(({ from, to, where, pairs, changes }) => [from, to, where, pairs, changes[0]?.traffic]);
  const known = [
    open,
    on('n1', 'a', '10.0.0.1'),
    on('n1', 'b', '10.0.0.2'),
    on('n2', 'c', '10.0.0.3'),
    host('h', 'n1'),
  ];
  expect(groupsOf(known)).toEqual([[['anywhere else', 'ns/c'], ['ns/a', 'ns/b'], undefined, 4, 'TCP 81']]);
  const all = ['ns/a', 'ns/b', 'ns/c', 'ns/d'];
  expect(groupsOf([...known, on('n2', 'd', '10.0.0.4'), host('i', 'n2')])).toContainEqual([
    ...[all, all, 'different nodes', 8, 'TCP 81'],
  ]);
});

test('what nodes add to policy changes verdicts too', () => {
  const host = resource('HostEndpoint', 'h', { node: 'n2', expectedIPs: ['172.16.0.2'] }, { labels: { host: '' } });
  const known = [...world, host, policy('closed', 'has(host)', [{ action: 'Deny' }])];
  const { failsafes } = nodePolicy;
  const fewer = { ...nodePolicy, failsafes: { ...failsafes, inbound: [] } };
  const { groups } = new ImpactAnalysis(known, known, { before: nodePolicy, after: fewer }).pairs();
  expect(groups.map(({ to, changes }) => [to, changes])).toEqual([
    [
      ['host h'],
      [{ traffic: 'TCP 22', before: 'allow', after: 'deny', because: 'GlobalNetworkPolicy closed, ingress[0]' }],
    ],
  ]);
  expect(new ImpactAnalysis(known, known, { before: fewer, after: fewer }).pairs().groups).toEqual([]);
});

test('who is treated like all others and is alone in that stands among them', () => {
  const three = ['a', 'b', 'c'].map((name, index) => endpoint(name, { own: name }, [`10.0.0.${index + 1}/32`]));
  const own = three.map(({ metadata }) =>
    policy(`own-${metadata.labels?.['own'] ?? ''}`, `own == '${metadata.labels?.['own'] ?? ''}'`, [
      { action: 'Allow' },
    ]),
  );
  const closed = policy('p', 'all()', [{ action: 'Deny', protocol: 'UDP' }], { order: 1 });
  const known = [open, ...three, ...own];
  const names = ['ns/a', 'ns/b', 'ns/c'];
  expect(impact(known, [...known, closed]).groups.map(({ from, to, pairs }) => [from, to, pairs])).toEqual([
    [['anywhere else', ...names], names, 9],
  ]);
});

const selectors = fc.constantFrom('all()', "a == '1'", "b == '1'", "a == '1' || b == '2'", '!has(a)');
const entity = fc.record(
  {
    selector: selectors,
    notSelector: selectors,
    nets: fc.constantFrom(['10.0.0.0/30'], ['10.0.0.1/32', '10.0.0.5/32']),
    notNets: fc.constantFrom(['10.0.0.4/30']),
  },
  { requiredKeys: [] },
);
const rule = fc
  .record(
    {
      action: fc.constantFrom('Allow', 'Deny', 'Pass'),
      protocol: fc.constantFrom('TCP', 'UDP', 'ICMP'),
      source: entity,
      destination: entity,
      ports: fc.constantFrom([1], ['2:3'], [4, 1]),
    },
    { requiredKeys: ['action'] },
  )
  .map(({ ports, ...each }): Rule => {
    const hasPorts = each.protocol === 'TCP' || each.protocol === 'UDP';
    return hasPorts && ports !== undefined ? { ...each, destination: { ...each.destination, ports } } : each;
  });
const policies = fc.array(
  fc.record({
    name: fc.constantFrom('p', 'q', 'r'),
    spec: fc.record({
      selector: selectors,
      order: fc.nat(3),
      types: fc.constantFrom(['Ingress'], ['Egress'], ['Ingress', 'Egress']),
      ingress: fc.array(rule, { maxLength: 2 }),
      egress: fc.array(rule, { maxLength: 2 }),
    }),
  }),
  { maxLength: 3 },
);
const labels = fc.record({ a: fc.constantFrom('1', '2'), b: fc.constantFrom('1', '2') }, { requiredKeys: [] });
const worlds = fc
  .tuple(fc.array(labels, { minLength: 5, maxLength: 5 }), policies)
  .map(([each, chosen]) => [
    open,
    ...each.map((own, index) => endpoint(`w${index}`, own, [`10.0.0.${index + 1}/32`])),
    ...new Map(chosen.map(({ name, spec }) => [name, resource('GlobalNetworkPolicy', name, spec as never)])).values(),
  ]);
const headers = [
  ...[0, 1, 2, 3, 4, 5].flatMap((destinationPort) =>
    [6, 17].map((protocol) => ({ protocol, destinationPort, sourcePort: 9 })),
  ),
  { protocol: 1, icmpType: 8, icmpCode: 0 },
  { protocol: 253 },
];

function attached(each: Resource): FlowEnd {
  const { labels, profiles } = memberOfWorkloadEndpoint(each as WorkloadEndpoint);
  return { attachment: { type: 'workload', endpoint: { kind: 'workload', name: 'w', labels, profiles } } };
}

test('the pairs found are those that differ when every pair is asked alone', () => {
  fc.assert(
    fc.property(worlds, worlds, (before, after) => {
      const analysis = new ImpactAnalysis(before, after, nodePolicy);
      const found = new Set(
        analysis
          .pairs()
          .groups.flatMap(({ from, to }) => from.flatMap((a) => to.flatMap((b) => (a === b ? [] : [`${a} ${b}`]))))
          .filter((pair) => /^ns\/\S+ ns\/\S+$/.test(pair)),
      );
      const asked = new Set<string>();
      for (let a = 0; a < 5; a++) {
        for (let b = 0; b < 5; b++) {
          const [source, destination] = [parseIp(`10.0.0.${a + 1}`), parseIp(`10.0.0.${b + 1}`)];
          for (const header of a === b ? [] : headers) {
            const packet = { family: 4, source, destination, ...header } as const;
            const [then, now] = [before, after].map(
              (each) =>
                decideFlow(worldOf(each), nodePolicy, attached(each[a + 1]!), attached(each[b + 1]!), packet).verdict,
            );
            expect(analysis.flow(packet)).toMatchObject({ before: then, after: now });
            if (then !== now) asked.add(`ns/w${a} ns/w${b}`);
          }
        }
      }
      expect([...found].sort()).toEqual([...asked].sort());
    }),
    { numRuns: 60 },
  );
});
