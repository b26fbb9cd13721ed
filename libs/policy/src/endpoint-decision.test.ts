import { familyOf, parseIp } from '@calico-node/net';
import { expect, test } from 'vitest';
import { decideEndpoint } from './endpoint-decision.ts';
import { worldOf } from './resource-world.ts';
import { host, packet, resource, workload } from './testing/resources.ts';

const ask = { direction: 'ingress', stage: 'normal', packet: packet() } as const;
const allow = { action: 'Allow' } as const;
const deny = { action: 'Deny' } as const;
const pass = { action: 'Pass' } as const;
const ingress = ['Ingress' as const];

test('tiers come by order, policies by order and name, and the rule that decided is named with its revision', () => {
  const world = worldOf([
    resource('Tier', 'late', { order: 20, defaultAction: 'Deny' }),
    resource('Tier', 'early', { order: 10, defaultAction: 'Deny' }),
    resource('GlobalNetworkPolicy', 'late.x', { tier: 'late', types: ingress, ingress: [deny] }),
    resource('GlobalNetworkPolicy', 'early.b', { tier: 'early', order: 1, types: ingress, ingress: [deny] }),
    resource(
      'GlobalNetworkPolicy',
      'early.a',
      { tier: 'early', order: 1, types: ingress, ingress: [{ action: 'Log' }, { ...deny, protocol: 'UDP' }, allow] },
      { resourceVersion: '42' },
    ),
  ]);
  expect(decideEndpoint(world, { ...ask, endpoint: workload() })).toMatchObject({
    verdict: 'allow',
    reason: {
      type: 'rule',
      tier: 'early',
      hit: { owner: { kind: 'GlobalNetworkPolicy', name: 'early.a', revision: '42' }, ruleIndex: 2, action: 'Allow' },
    },
    tiers: [{ tier: 'early', outcome: 'Allow', logs: [{ ruleIndex: 0 }] }],
  });
});

test('what a tier leaves undecided meets its default action, unless it has no policy for the direction', () => {
  const tiers = [
    resource('Tier', 'soft', { order: 1, defaultAction: 'Pass' }),
    resource('Tier', 'hard', { order: 2, defaultAction: 'Deny' }),
    resource('Profile', 'open', { ingress: [allow], egress: [allow] }),
  ];
  const soft = resource('GlobalNetworkPolicy', 'soft.x', { tier: 'soft', types: ingress });
  const hard = resource('GlobalNetworkPolicy', 'hard.x', {
    tier: 'hard',
    types: ingress,
    ingress: [{ ...allow, protocol: 'UDP' }],
  });
  const endpoint = workload({}, ['open']);
  expect(decideEndpoint(worldOf([...tiers, soft]), { ...ask, endpoint })).toMatchObject({
    verdict: 'allow',
    reason: { type: 'rule', hit: { owner: { kind: 'Profile', name: 'open' } } },
    tiers: [{ tier: 'soft', outcome: 'Pass', defaultAction: 'Pass' }],
  });
  const both = worldOf([...tiers, soft, hard]);
  expect(decideEndpoint(both, { ...ask, endpoint })).toMatchObject({
    verdict: 'deny',
    reason: { type: 'tier-default', tier: 'hard' },
  });
  expect(decideEndpoint(both, { ...ask, endpoint, direction: 'egress' })).toMatchObject({
    verdict: 'allow',
    tiers: [],
  });
});

test('a Pass leaves the tier, not the packet', () => {
  const world = worldOf([
    resource('Tier', 'first', { order: 1, defaultAction: 'Deny' }),
    resource('GlobalNetworkPolicy', 'first.a', { tier: 'first', order: 1, types: ingress, ingress: [pass] }),
    resource('GlobalNetworkPolicy', 'first.b', { tier: 'first', order: 2, types: ingress, ingress: [deny] }),
    resource('GlobalNetworkPolicy', 'x', { tier: 'default', types: ingress, ingress: [allow] }),
  ]);
  expect(decideEndpoint(world, { ...ask, endpoint: workload() })).toMatchObject({
    verdict: 'allow',
    tiers: [{ outcome: 'Pass', hit: { action: 'Pass' } }, { outcome: 'Allow' }],
  });
});

test('a staged policy is reported and changes nothing', () => {
  const world = worldOf([
    resource('StagedGlobalNetworkPolicy', 's', {
      stagedAction: 'Set',
      tier: 'default',
      types: ingress,
      ingress: [deny],
    }),
    resource('StagedGlobalNetworkPolicy', 'd', { stagedAction: 'Delete' }),
    resource('Profile', 'open', { ingress: [allow] }),
  ]);
  expect(decideEndpoint(world, { ...ask, endpoint: workload({}, ['open']) })).toMatchObject({
    verdict: 'allow',
    tiers: [],
    staged: [{ tier: 'default', owner: { name: 's' }, hit: { action: 'Deny', ruleIndex: 0 } }],
  });
});

test('profiles are asked in order, none or a missing one denies, and projectcalico-default-allow is built in', () => {
  const world = worldOf([resource('Profile', 'shut', { ingress: [deny] }), resource('Profile', 'mute', {})]);
  const reasonOf = (...profiles: string[]) =>
    decideEndpoint(world, { ...ask, endpoint: workload({}, profiles) }).reason;
  expect(reasonOf()).toEqual({ type: 'no-profile-matched' });
  expect(reasonOf('mute')).toEqual({ type: 'no-profile-matched' });
  expect(reasonOf('mute', 'shut', 'projectcalico-default-allow')).toMatchObject({ hit: { action: 'Deny' } });
  expect(reasonOf('projectcalico-default-allow')).toMatchObject({ hit: { action: 'Allow' } });
  expect(reasonOf('gone', 'projectcalico-default-allow')).toEqual({ type: 'missing-profile', profile: 'gone' });
});

test('policies select by labels that profiles give, by namespace and by service account', () => {
  const applies = (spec: object, labels: Record<string, string>, namespace?: string): boolean => {
    const base = { tier: 'default', types: ingress, ingress: [allow], ...spec };
    const policy =
      namespace === undefined
        ? resource('GlobalNetworkPolicy', 'x', base)
        : resource('NetworkPolicy', 'x', base, { namespace });
    const profile = resource('Profile', 'kns.a', { labelsToApply: { 'pcns.env': 'prod', 'pcsa.team': 'x' } });
    return (
      decideEndpoint(worldOf([policy, profile]), { ...ask, endpoint: workload(labels, ['kns.a']) }).tiers.length > 0
    );
  };
  const inA = { 'projectcalico.org/namespace': 'a' };
  expect(applies({ selector: 'has(x)' }, { x: '' })).toBe(true);
  expect(applies({ selector: 'has(x)' }, {})).toBe(false);
  expect(applies({}, inA, 'a')).toBe(true);
  expect(applies({}, inA, 'b')).toBe(false);
  expect(applies({ namespaceSelector: 'env == "prod"' }, {})).toBe(true);
  expect(applies({ namespaceSelector: 'all()' }, {})).toBe(false);
  expect(applies({ namespaceSelector: 'all()' }, inA)).toBe(true);
  expect(applies({ serviceAccountSelector: 'team == "x"' }, {})).toBe(true);
  expect(applies({ serviceAccountSelector: 'all()' }, {})).toBe(false);
});

test('a host endpoint keeps untracked, pre-DNAT and forward policy apart; a workload has none of these', () => {
  const of = (name: string, flags: object) =>
    resource('GlobalNetworkPolicy', name, { tier: 'default', types: ingress, ingress: [allow], ...flags });
  const world = worldOf([
    of('normal', {}),
    of('forwarded', { applyOnForward: true }),
    of('early', { applyOnForward: true, preDNAT: true }),
    of('raw', { applyOnForward: true, doNotTrack: true }),
  ]);
  const asked = (endpoint: typeof ask & { endpoint: ReturnType<typeof host> }) =>
    decideEndpoint(world, { ...endpoint, packet: packet({ protocol: 99 }) }).tiers.flatMap(
      ({ hit }) => hit?.owner.name,
    );
  expect(asked({ ...ask, endpoint: host() })).toEqual(['forwarded']);
  for (const [stage, name] of [
    ['untracked', 'raw'],
    ['pre-dnat', 'early'],
    ['forward', 'forwarded'],
  ] as const) {
    expect(decideEndpoint(world, { ...ask, stage, endpoint: host() }).tiers[0]?.policies).toMatchObject([{ name }]);
  }
  expect(decideEndpoint(world, { ...ask, endpoint: workload() }).tiers[0]?.policies).toMatchObject([
    { name: 'forwarded' },
  ]);
});

test('untracked, pre-DNAT and forward policy that does not decide lets the packet go on', () => {
  const quiet = [{ ...allow, protocol: 'UDP' as const }];
  const world = worldOf([
    resource('GlobalNetworkPolicy', 'p', { types: ingress, ingress: quiet, applyOnForward: true, preDNAT: true }),
    resource('GlobalNetworkPolicy', 'u', { types: ingress, ingress: quiet, applyOnForward: true, doNotTrack: true }),
  ]);
  for (const stage of ['untracked', 'pre-dnat', 'forward'] as const) {
    expect(decideEndpoint(world, { ...ask, stage, endpoint: host() }).verdict).toBe('continue');
  }
});

test.each([
  ['10.0.0.1', '10.0.0.2', 'allow'],
  ['fd00::1', 'fd00::2', 'allow'],
  ['10.0.0.9', '10.0.0.2', 'deny'],
] as const)(
  'networks of both families in one rule are asked for each in its own: from %s to %s',
  (from, to, verdict) => {
    const nets = ['10.0.0.0/30', 'fd00::/126'];
    const world = worldOf([
      resource('GlobalNetworkPolicy', 'x', {
        types: ingress,
        ingress: [{ ...allow, source: { nets }, destination: { notNets: ['fd00::9/128', '10.0.0.9/32'] } }],
      }),
    ]);
    const asked = packet({ family: familyOf(parseIp(from)), source: parseIp(from), destination: parseIp(to) });
    expect(decideEndpoint(world, { ...ask, packet: asked, endpoint: workload() })).toMatchObject({ verdict });
  },
);

test('networks of the other family alone, asked for or refused, make the rule one for that family', () => {
  const rules = [
    { ...allow, source: { nets: ['10.0.0.0/8', 'fd00::/8'] }, destination: { nets: ['fd00::/8'] } },
    { ...allow, source: { nets: ['10.0.0.0/8'], notNets: ['fd00::9/128'] } },
  ];
  const world = worldOf([resource('GlobalNetworkPolicy', 'x', { types: ingress, ingress: rules })]);
  expect(decideEndpoint(world, { ...ask, endpoint: workload() })).toMatchObject({ verdict: 'deny' });
});

test('whom notSelector refuses is taken from those whom selector selects, not from their addresses', () => {
  const sets = [
    resource('GlobalNetworkSet', 'web', { nets: ['10.0.0.1/32'] }, { labels: { app: 'web' } }),
    resource('GlobalNetworkSet', 'dmz', { nets: ['10.0.0.0/24'] }, { labels: { zone: 'dmz' } }),
    resource('GlobalNetworkSet', 'old', { nets: ['10.0.0.1/32'] }, { labels: { app: 'old' } }),
  ];
  const verdictFor = (source: object): string => {
    const policy = resource('GlobalNetworkPolicy', 'p', { types: ingress, ingress: [{ ...allow, source }] });
    return decideEndpoint(worldOf([...sets, policy]), { ...ask, endpoint: workload() }).verdict;
  };
  const notSelector = 'zone == "dmz"';
  expect(verdictFor({ selector: 'app == "web"', notSelector })).toBe('allow');
  expect(verdictFor({ selector: 'app == "web"', notSelector: 'app == "web"' })).toBe('deny');
  expect(verdictFor({ selector: 'has(app)', notSelector: 'app == "web"' })).toBe('allow');
  expect(verdictFor({ notSelector })).toBe('deny');
  expect(verdictFor({ notSelector: 'app == "other"' })).toBe('allow');
});
