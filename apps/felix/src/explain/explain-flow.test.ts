import { parseNodeName } from '@calico-node/net';
import { expect, test } from 'vitest';
import { CalcGraph, type StoreUpdate } from '../calc/calc-graph.ts';
import { deleted, stored, storedEndpoint } from '../calc/testing/resources.ts';
import { nodePolicyOf } from '../rule-options.ts';
import { defaultRuleOptions } from '../rules/options.ts';
import { ExplainError, explainFlow } from './explain-flow.ts';

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

function explain(updates: readonly StoreUpdate[], from: string, to: string, port = 80) {
  const graph = new CalcGraph({ hostname: parseNodeName('node1') });
  for (const update of updates) graph.update(update);
  const header = { protocol: 6, sourcePort: 40000, destinationPort: port };
  return explainFlow(graph, nodePolicyOf(defaultRuleOptions), { from, to, header });
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
  expect(codeOf(() => explain([a, b, other], 'a', 'b'))).toBe('ambiguous-endpoint');
  expect(codeOf(() => explain([a, b, other], 'other/a', 'b'))).toBe('none');
  expect(codeOf(() => explain([a, b], 'b', 'fd00::9'))).toBe('no-common-family');
});

test('host endpoints’ policy is asked on their hosts, beside that of the other end', () => {
  const h = stored('HostEndpoint', { name: 'h', labels: { host: '' } }, { node: 'node1', expectedIPs: ['172.16.0.1'] });
  const spec = { tier: 'default', selector: 'has(host)', types: ['Ingress' as const, 'Egress' as const] };
  const egress = [{ action: 'Allow' as const, destination: { nets: ['10.0.0.2/32'] } }];
  const policy = stored('GlobalNetworkPolicy', { name: 'hosts' }, { ...spec, egress });
  const stepsOf = (from: string, to: string, port?: number) => {
    const { verdict, steps } = explain([a, b, h, policy], from, to, port);
    return [verdict, ...steps.map(({ endpoint, direction, stage }) => `${endpoint} ${direction} ${stage}`)];
  };
  expect(stepsOf('h', 'b')).toEqual([
    'allow',
    'h egress untracked',
    'h egress normal',
    'default/node2-k8s-b-eth0 ingress normal',
  ]);
  expect(stepsOf('172.16.0.1', 'a').at(0)).toBe('deny');
  expect(stepsOf('a', '172.16.0.1').slice(0, 2)).toEqual(['deny', 'default/node1-k8s-a-eth0 egress normal']);
  expect(stepsOf('a', 'h').at(-1)).toBe('h ingress normal');
});
