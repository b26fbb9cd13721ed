/** The final state depends on each key's newest value alone: not on order, batching or what was there between. */
import { parseNodeName } from '@calico-node/net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CalcGraph, type StoreUpdate } from './calc-graph.ts';
import { IntentMirror } from './testing/intent-mirror.ts';
import { deleted, stored, storedBlock, storedEndpoint } from './testing/resources.ts';

const values = fc.constantFrom('1', '2');
const labels = fc.dictionary(fc.constantFrom('a', 'b'), values, { maxKeys: 2 });
const selector = fc.constantFrom(
  '',
  'all()',
  'a == "1"',
  'has(b)',
  '!has(a)',
  'a in {"1", "2"} && b != "1"',
  'pcns.t == "1"',
);
const order = fc.option(fc.constantFrom(1, 2), { nil: undefined });
const ports = fc.constantFrom([80], ['http'], [80, 'http', '1000:2000']);
const address = fc.integer({ min: 1, max: 5 }).map((n) => `10.0.0.${n}/32`);

const rule = fc.record({
  action: fc.constantFrom('Allow' as const, 'Deny' as const, 'Pass' as const),
  protocol: fc.constant('TCP'),
  source: fc.record({ selector, notSelector: selector }),
  destination: fc.record({ selector, ports }),
});
const rules = fc.array(rule, { maxLength: 2 });
const policySpec = fc.record({
  tier: fc.constantFrom('default', 'first'),
  order,
  selector,
  ingress: rules,
  egress: rules,
});

const endpoint = fc
  .record({
    workload: fc.constantFrom('w1', 'w2', 'w3'),
    node: fc.constantFrom('node1', 'node1', 'node2'),
    labels,
    interfaceName: fc.constantFrom('cali1', 'cali2'),
    ipNetworks: fc.uniqueArray(address, { maxLength: 2 }),
    profiles: fc.uniqueArray(fc.constantFrom('p1', 'p2'), { maxLength: 2 }),
    httpPort: fc.constantFrom(80, 8080),
  })
  .map(({ workload, node, labels, interfaceName, ipNetworks, profiles, httpPort }) =>
    storedEndpoint({
      workload,
      node,
      labels,
      spec: {
        interfaceName,
        ipNetworks,
        profiles,
        ports: [{ name: 'http', protocol: 'TCP', port: httpPort, hostPort: 0, hostIP: '' }],
      },
    }),
  );

const update = fc.oneof(
  { weight: 4, arbitrary: endpoint },
  fc
    .record({
      name: fc.constantFrom('g1', 'g2', 'g3'),
      spec: policySpec,
      flags: fc.constantFrom({}, { applyOnForward: true }, { applyOnForward: true, doNotTrack: true }),
    })
    .map(({ name, spec, flags }) => stored('GlobalNetworkPolicy', { name }, { ...spec, ...flags })),
  fc
    .record({ selector, ingress: rules })
    .map((spec) =>
      stored(
        'GlobalNetworkPolicy',
        { name: 'g3' },
        { ...spec, types: ['Ingress'], applyOnForward: true, preDNAT: true },
      ),
    ),
  fc
    .record({
      name: fc.constantFrom('h1', 'h2'),
      node: fc.constantFrom('node1', 'node1', 'node2'),
      labels,
      interfaceName: fc.constantFrom('eth0', '*'),
      expectedIPs: fc.subarray(['10.0.0.1', 'fd00::1']),
      profiles: fc.subarray(['p1', 'p2']),
    })
    .map(({ name, labels, ...spec }) => stored('HostEndpoint', { name, labels }, spec)),
  policySpec.map((spec) => stored('StagedGlobalNetworkPolicy', { name: 's1' }, { stagedAction: 'Set', ...spec })),
  policySpec.map((spec) => stored('NetworkPolicy', { name: 'n1', namespace: 'default' }, spec)),
  fc
    .record({
      name: fc.constantFrom('p1', 'p2'),
      ingress: rules,
      labelsToApply: fc.constantFrom({}, { a: '1' }, { 'pcns.t': '1' }),
    })
    .map(({ name, ...spec }) => stored('Profile', { name }, spec)),
  fc
    .record({
      name: fc.constantFrom('default', 'first'),
      order: fc.constantFrom(5, 10),
      defaultAction: fc.constantFrom('Deny' as const, 'Pass' as const),
    })
    .map(({ name, ...spec }) => stored('Tier', { name }, spec)),
  fc
    .record({ labels, nets: fc.subarray(['10.0.0.1/32', '10.0.0.0/24', 'fd00::/64']) })
    .map(({ labels, nets }) => stored('GlobalNetworkSet', { name: 'set', labels }, { nets })),
  fc
    .record({
      name: fc.constantFrom('pool1', 'pool2'),
      natOutgoing: fc.boolean(),
      cidr: fc.constantFrom('10.0.0.0/16', '10.1.0.0/16', '10.0.0.0/24'),
      modes: fc.constantFrom({}, { vxlanMode: 'Always' as const }, { ipipMode: 'CrossSubnet' as const }),
    })
    .map(({ name, natOutgoing, cidr, modes }) => stored('IPPool', { name }, { natOutgoing, cidr, ...modes })),
  fc
    .record({
      cidr: fc.constantFrom('10.0.0.0/30', '10.0.0.4/30', '10.0.0.5/32'),
      affinity: fc.constantFrom(null, 'node1', 'node2', 'node3'),
      holders: fc.array(fc.constantFrom(undefined, 'node1', 'node2', 'node3'), { maxLength: 1 }),
    })
    .map(storedBlock),
  fc
    .record({
      name: fc.constantFrom('node1', 'node2', 'node3'),
      ipv4Address: fc.constantFrom('172.16.0.1/24', '172.16.0.2/24', '172.17.0.1/24'),
      tunnel: fc.constantFrom({}, { ipv4VXLANTunnelAddr: '10.0.0.7' }),
    })
    .map(({ name, ipv4Address, tunnel }) => stored('Node', { name }, { bgp: { ipv4Address }, ...tunnel })),
  fc.constant({ key: stored('Tier', { name: 'first' }, {}).key, value: 'not JSON', revision: 1n }),
);

const history = fc
  .array(fc.record({ update, isDeleted: fc.nat(4).map((n) => n === 0), flushAfter: fc.boolean() }), {
    maxLength: 60,
    size: 'max',
  })
  .map((steps) =>
    steps.map(({ update: step, isDeleted, flushAfter }) => ({ update: isDeleted ? deleted(step) : step, flushAfter })),
  );

function newestOfEachKey(updates: readonly StoreUpdate[]): readonly StoreUpdate[] {
  return [...new Map(updates.map((step) => [step.key, step])).values()];
}

/** Runs the updates, in sync from the `syncAt`th on, and returns what the dataplane holds at the end. */
function run(steps: readonly { readonly update: StoreUpdate; readonly flushAfter: boolean }[], syncAt: number): string {
  const graph = new CalcGraph({ hostname: parseNodeName('node1') });
  const mirror = new IntentMirror();
  for (const [index, { update: step, flushAfter }] of steps.entries()) {
    if (index === syncAt) graph.onInSync();
    graph.update(step);
    if (flushAfter) mirror.apply(graph.flush());
  }
  graph.onInSync();
  mirror.apply(graph.flush());
  expect(graph.flush().intents).toEqual([]);
  return mirror.describe();
}

test('ends in the same state however the updates come', () => {
  fc.assert(
    fc.property(
      history,
      fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
      fc.nat(60),
      (steps, random, syncAt) => {
        const newest = newestOfEachKey(steps.map((step) => step.update));
        const shuffled = newest
          .map((step) => ({ step, rank: random.next().value as number }))
          .sort((a, b) => a.rank - b.rank)
          .map(({ step }) => ({ update: step, flushAfter: false }));
        const expected = run(shuffled, 0);
        // Deletions of what was never there say nothing; live keys in order, each flushed by itself.
        const liveOnly = newest
          .filter(({ value }) => value !== undefined)
          .map((step) => ({ update: step, flushAfter: true }));
        expect(run(liveOnly, 0)).toBe(expected);
        expect(run(liveOnly.toReversed(), syncAt)).toBe(expected);
        // The whole history, with its detours, flushed as it says and after every step.
        expect(run(steps, syncAt)).toBe(expected);
        expect(
          run(
            steps.map((step) => ({ ...step, flushAfter: true })),
            0,
          ),
        ).toBe(expected);
      },
    ),
    { numRuns: 200 },
  );
});
