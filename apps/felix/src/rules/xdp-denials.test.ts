import { parseCidr, parseIp } from '@calico-node/net';
import { expect, test } from 'vitest';
import type { HostEndpointId } from '../calc/endpoint-id.ts';
import type { EndpointTier, Intent, LocalHostEndpoint, PolicyStage } from '../calc/intents.ts';
import type { IpSetId } from '../calc/ip-set.ts';
import type { ParsedRule } from '../calc/parsed-rule.ts';
import { policyIdOf } from '../calc/policy-id.ts';
import { parsedRule } from './testing/parsed.ts';
import { XdpDenials } from './xdp-denials.ts';

const set = (name: string): IpSetId => `s:${name}` as IpSetId;
const deny = (name: string, more: Partial<ParsedRule> = {}): ParsedRule => ({
  ...parsedRule('deny', { source: { sets: [set(name)] } }),
  ...more,
});
const idOf = (name: string) => policyIdOf({ kind: 'GlobalNetworkPolicy', name });

function policy(name: string, ingress: readonly ParsedRule[], stage: PolicyStage = 'untracked'): Intent {
  const applies = { tier: 'default', stage, isForHosts: true };
  return {
    type: 'policy-update',
    id: idOf(name),
    policy: { kind: 'GlobalNetworkPolicy', name },
    ...applies,
    ingress,
    egress: [deny('never')],
  };
}

function tier(...names: string[]): EndpointTier {
  const groups = names.map((name) => ({ selector: name, policies: [idOf(name)] }));
  return { name: 'default', defaultAction: 'Deny', ingress: groups, egress: groups };
}

function host(untrackedTiers: readonly EndpointTier[], more: Partial<LocalHostEndpoint> = {}): Intent {
  const none = { tiers: [], forwardTiers: [], preDnatTiers: [], profiles: [], expectedIps: [] };
  const endpoint = { name: 'h', revision: 1n, interfaceName: 'eth0', ...none, untrackedTiers, ...more };
  return { type: 'host-endpoint-update', id: 'h' as HostEndpointId, endpoint };
}

function denied(...intents: readonly Intent[]): Record<string, readonly string[]> {
  const denials = new XdpDenials();
  for (const intent of intents) denials.take(intent);
  return Object.fromEntries(denials.sources());
}

test('takes deny rules up to the first that asks for more, over policies and tiers', () => {
  const allow = parsedRule('allow', { protocol: 6 });
  const first = policy('first', [deny('a'), deny('b', { ipVersion: 4 }), deny('v6', { ipVersion: 6 })]);
  const second = policy('second', [deny('c'), allow, deny('d')]);
  const third = policy('third', [deny('e')]);
  const all = [first, second, third];
  expect(denied(...all, host([tier('first', 'second', 'third')]))).toEqual({ eth0: ['s:a', 's:b', 's:c'] });
  expect(denied(...all, host([tier('third', 'first'), tier('second')]))).toEqual({
    eth0: ['s:e', 's:a', 's:b', 's:c'],
  });
  expect(denied(...all, host([tier('second'), tier('first')]))).toEqual({ eth0: ['s:c'] });
});

const port = { first: 80, last: 80 };
const cidr = parseCidr('10.0.0.0/8');
const from = (source: object): ParsedRule => parsedRule('deny', { source: { sets: [set('a')], ...source } });
const to = (destination: object): ParsedRule => ({
  ...deny('a'),
  ...parsedRule('deny', { destination }),
  source: deny('a').source,
});

test.each([
  ['allows', parsedRule('allow', { source: { sets: [set('a')] } })],
  ['logs', parsedRule('log')],
  ['passes', parsedRule('pass', { source: { sets: [set('a')] } })],
  ['is of a protocol', deny('a', { protocol: 17 })],
  ['is of all protocols but one', deny('a', { notProtocol: 17 })],
  ['is of a sort of ICMP', deny('a', { icmp: { type: 8 } })],
  ['asks for something new', { ...deny('a'), futureCriterion: 1 } as ParsedRule],
  ['denies all sources', parsedRule('deny')],
  ['asks for two sets at once', from({ sets: [set('a'), set('b')] })],
  ['asks for networks', from({ nets: [cidr] })],
  ['excludes networks', from({ notNets: [cidr] })],
  ['excludes a set', from({ notSets: [set('b')] })],
  ['asks for a source port', from({ ports: [port] })],
  ['asks for a named port', from({ namedPorts: [set('p')] })],
  ['asks for a destination', to({ nets: [cidr] })],
  ['asks for a destination set', to({ sets: [set('b')] })],
  ['asks for a destination port', to({ ports: [port] })],
])('nothing is left to XDP behind a rule that %s', (_, rule) => {
  expect(denied(policy('first', [rule, deny('b')]), host([tier('first')]))).toEqual({});
});

test('annotations change nothing', () => {
  const rule = deny('a', { annotations: { why: 'flood' } });
  expect(denied(policy('first', [rule]), host([tier('first')]))).toEqual({ eth0: ['s:a'] });
});

test('only untracked policy of endpoints with an interface of their own counts', () => {
  const both = [policy('first', [deny('a')]), policy('normal', [deny('b')], 'normal')];
  expect(denied(...both, host([], { tiers: [tier('normal')] }))).toEqual({});
  expect(denied(...both, host([tier('first')], { interfaceName: '*' }))).toEqual({});
  const byAddress = host([tier('first')], { interfaceName: '', expectedIps: [parseIp('192.0.2.1')] });
  expect(denied(...both, byAddress)).toEqual({});
  const interfaces: Intent = { type: 'host-interface-update', name: 'eth7', addresses: [parseIp('192.0.2.1')] };
  expect(denied(...both, byAddress, interfaces)).toEqual({ eth7: ['s:a'] });
});

test('follows changes, and gives the same answer while there are none', () => {
  const denials = new XdpDenials();
  const take = (...intents: Intent[]) => {
    for (const intent of intents) denials.take(intent);
    return denials.sources();
  };
  const before = take(policy('first', [deny('a')]), host([tier('first')]));
  expect(take(policy('other', [deny('b')], 'normal'))).toBe(before);
  expect(take({ type: 'ip-set-remove', id: set('z') })).toBe(before);
  expect([...take(policy('first', [deny('b')]))]).toEqual([['eth0', ['s:b']]]);
  expect([...take(policy('first', [deny('b')], 'normal'))]).toEqual([]);
  expect([...take(policy('first', [deny('c')]))]).toEqual([['eth0', ['s:c']]]);
  expect([...take({ type: 'policy-remove', id: idOf('first') })]).toEqual([]);
  expect([...take({ type: 'host-endpoint-remove', id: 'h' as HostEndpointId })]).toEqual([]);
});
