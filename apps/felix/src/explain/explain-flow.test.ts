import { parseIp, parseNodeName } from '@calico-node/net';
import { expect, test } from 'vitest';
import { CalcGraph, type StoreUpdate } from '../calc/calc-graph.ts';
import { deleted, stored, storedEndpoint } from '../calc/testing/resources.ts';
import { nodePolicyOf } from '../rule-options.ts';
import { defaultRuleOptions } from '../rules/options.ts';
import { ExplainError } from './explain-error.ts';
import { explainFlow } from './explain-flow.ts';

const open = { profiles: ['projectcalico-default-allow'] };
const a = storedEndpoint({
  workload: 'a',
  labels: { app: 'a' },
  spec: { ...open, ipNetworks: ['10.0.0.1/32', 'fd00::1/128'] },
});
const b = storedEndpoint({
  workload: 'b',
  node: 'node2',
  spec: {
    ...open,
    ipNetworks: ['10.0.0.2/32'],
    ports: [{ name: 'web', protocol: 'TCP', port: 80, hostPort: 0, hostIP: '' }],
  },
});
const toB = stored(
  'GlobalNetworkPolicy',
  { name: 'to-b' },
  {
    tier: 'default',
    types: ['Ingress'],
    ingress: [
      { action: 'Log' },
      { action: 'Allow', protocol: 'TCP', source: { selector: "app == 'a'" }, destination: { ports: ['web'] } },
    ],
  },
  7n,
);

const own = {
  hostname: parseNodeName('node1'),
  isLocal: (ip: string) => ip === '127.0.0.9',
  floatingTarget: (ip: string) => (ip === '203.0.113.7' ? parseIp('10.0.0.1') : undefined),
};

function explain(updates: readonly StoreUpdate[], from: string, to: string, port = 80) {
  const graph = new CalcGraph({ hostname: parseNodeName('node1') });
  for (const update of updates) graph.update(update);
  const header = { protocol: 6, sourcePort: 40000, destinationPort: port };
  const failsafes = { inbound: [{ protocol: 6, port: 22 }], outbound: [] };
  return explainFlow(graph, nodePolicyOf({ ...defaultRuleOptions, failsafes }), own, { from, to, header });
}

test('the rule that decides is named with its resource’s revision, on whichever node the endpoints are', () => {
  const { verdict, steps, packet } = explain([a, b, toB], 'default/a', 'b');
  expect(packet).toMatchObject({ family: 4, source: '10.0.0.1', destination: '10.0.0.2' });
  expect(verdict).toBe('allow');
  expect(steps.at(-1)).toMatchObject({
    direction: 'ingress',
    reason: { type: 'rule', tier: 'default', hit: { owner: { name: 'to-b', revision: '7' }, ruleIndex: 1 } },
  });
  expect(explain([a, b, toB], 'a', 'b', 81)).toMatchObject({
    verdict: 'deny',
    steps: [{}, { reason: { type: 'tier-default' } }],
  });
  expect(explain([a, b, toB, deleted(toB)], 'a', 'b', 81).verdict).toBe('allow');
});

test('an address is an endpoint’s or outside', () => {
  expect(explain([a, b, toB], '10.0.0.1', '10.0.0.2').verdict).toBe('allow');
  expect(explain([a, b, toB], '10.9.9.9', '10.0.0.2').verdict).toBe('deny');
  expect(explain([a, b, toB], 'a', '10.9.9.9')).toMatchObject({ verdict: 'allow', steps: [{ direction: 'egress' }] });
});

test('a staged policy is told of', () => {
  const staged = stored(
    'StagedGlobalNetworkPolicy',
    { name: 's' },
    { stagedAction: 'Set', types: ['Ingress'], ingress: [{ action: 'Deny' }] },
  );
  expect(explain([a, b], 'a', 'b').stagedVerdict).toBeUndefined();
  expect(explain([a, b, staged], 'a', 'b')).toMatchObject({
    verdict: 'allow',
    stagedVerdict: 'deny',
    steps: [{}, { staged: [{ owner: { name: 's' }, hit: { action: 'Deny' } }] }],
  });
});

test('a name that no endpoint has, or several, and ends of different families are refused', () => {
  const other = storedEndpoint({ workload: 'a', namespace: 'other', spec: open });
  const codeOf = (run: () => unknown): string => {
    try {
      run();
    } catch (error) {
      if (error instanceof ExplainError) return error.code;
    }
    return 'none';
  };
  expect(codeOf(() => explain([a], 'a', 'nobody'))).toBe('unknown-endpoint');
  expect(() => explain([a, b, h, ...nodes], 'a', 'nobody')).toThrow(/get workloadendpoints/);
  expect(() => explain([a, b, h, ...nodes], 'a', 'NODE')).toThrow(/no address; there is node1, node2$/);
  expect(() => explain([a, b], 'default/B', 'a')).toThrow(/there is default\/b$/);
  expect(codeOf(() => explain([a, b, other], 'a', 'b'))).toBe('ambiguous-endpoint');
  expect(codeOf(() => explain([a, b, other], 'other/a', 'b'))).toBe('none');
  expect(codeOf(() => explain([a, b], 'b', 'fd00::9'))).toBe('no-common-family');
});

const node = (name: string, ipv4: string) => stored('Node', { name }, { bgp: { ipv4Address: `${ipv4}/24` } });
const nodes = [node('node1', '172.16.0.1'), node('node2', '172.16.0.2')];
const h = stored('HostEndpoint', { name: 'h', labels: { host: '' } }, { node: 'node1', expectedIPs: ['172.16.0.1'] });
const hosts = { tier: 'default', selector: 'has(host)', types: ['Ingress' as const, 'Egress' as const] };

function stepsOf(updates: readonly StoreUpdate[], from: string, to: string, port?: number) {
  const { verdict, steps } = explain(updates, from, to, port);
  return [verdict, ...steps.map(({ endpoint, direction, stage }) => `${endpoint} ${direction} ${stage}`)];
}

test('host endpoints’ policy is asked on their hosts, beside that of the other end', () => {
  const egress = [{ action: 'Allow' as const, destination: { nets: ['10.0.0.2/32'] } }];
  const policy = stored('GlobalNetworkPolicy', { name: 'hosts' }, { ...hosts, egress });
  const known = [a, b, h, policy];
  expect(stepsOf(known, 'h', 'b')).toEqual([
    'allow',
    'h egress untracked',
    'h egress normal',
    'default/node2-k8s-b-eth0 ingress normal',
  ]);
  expect(stepsOf(known, '172.16.0.1', '10.9.9.9')).toEqual(['deny', 'h egress untracked', 'h egress normal']);
  // A host reaches its own workloads, whatever its policy.
  expect(stepsOf(known, '172.16.0.1', 'a')).toEqual(['allow']);
  expect(stepsOf(known, 'b', 'h').at(-1)).toBe('h ingress normal');
  expect(stepsOf([...known, ...nodes], 'node2', 'h', 22)).toEqual([
    'allow',
    'h ingress untracked',
    'h ingress pre-dnat',
    'h ingress normal',
  ]);
});

test('what a workload sends to its own host meets the endpoint-to-host action, on other hosts it does not', () => {
  for (const to of ['node1', '172.16.0.1', '127.0.0.9']) {
    expect(explain([a, ...nodes], 'a', to).steps.at(-1)).toMatchObject({
      verdict: 'deny',
      reason: { type: 'endpoint-to-host', action: 'DROP' },
    });
  }
  expect(explain([a, ...nodes], 'a', 'node2').verdict).toBe('allow');
});

test('hosts ask forwarded policy of what passes them, and pre-DNAT policy of where it is sent to', () => {
  const everywhere = stored(
    'HostEndpoint',
    { name: 'all', labels: { host: '' } },
    { node: 'node2', interfaceName: '*' },
  );
  const forward = stored(
    'GlobalNetworkPolicy',
    { name: 'forward' },
    { ...hosts, applyOnForward: true, ingress: [{ action: 'Allow', protocol: 'TCP' }], egress: [{ action: 'Allow' }] },
  );
  expect(stepsOf([a, b, everywhere, forward, ...nodes], 'a', 'b')).toEqual([
    'allow',
    'default/node1-k8s-a-eth0 egress normal',
    'all ingress pre-dnat',
    'all ingress forward',
    'default/node2-k8s-b-eth0 ingress normal',
    'all egress forward',
  ]);
  const preDnat = stored(
    'GlobalNetworkPolicy',
    { name: 'pre' },
    {
      ...hosts,
      types: ['Ingress'],
      preDNAT: true,
      applyOnForward: true,
      ingress: [{ action: 'Deny', destination: { nets: ['203.0.113.7/32'] } }],
    },
  );
  expect(explain([a, b, h, preDnat, ...nodes], 'b', '203.0.113.7')).toMatchObject({
    verdict: 'deny',
    packet: { destination: '10.0.0.1' },
    sentTo: { destination: '203.0.113.7', destinationPort: 80 },
    steps: [{ direction: 'egress' }, { stage: 'untracked' }, { stage: 'pre-dnat', reason: { type: 'rule' } }],
  });
  expect(explain([a, b, h, preDnat, ...nodes], 'b', 'a').verdict).toBe('allow');
});

test('a service’s address is told apart from others outside', () => {
  const config = stored('BGPConfiguration', { name: 'default' }, { serviceClusterIPs: [{ cidr: '10.96.0.0/16' }] });
  expect(explain([a, config], 'a', '10.96.0.1')).toMatchObject({ isToService: true, verdict: 'deny' });
  expect(explain([a, config], 'a', '10.97.0.1')).toMatchObject({ isToService: false, verdict: 'allow' });
});
