/**
 * Random policy and packets: the rules, made through the whole graph, decide as the policy reads.
 * CALICO_EQUIVALENCE_RUNS raises the number of (policy set, packet) cases, CALICO_EQUIVALENCE_SEED repeats a run.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IntentMirror } from '../calc/testing/intent-mirror.ts';
import { interpret, packetPaths, type Packet } from './interpret.ts';
import { defaultRuleOptions, type RuleOptions } from './options.ts';
import { calculate, kernelWorld, render } from './testing/program.ts';
import { anyOptions } from './testing/random-options.ts';
import { hostPackets, packets, pathOf } from './testing/random-packets.ts';
import { rule } from './testing/random-rules.ts';
import { hostInterfaces, hostWorlds, randomFailsafes, worlds, type RandomWorld } from './testing/random-world.ts';
import { Reference } from './testing/reference.ts';
import { resourcesOf, serviceEndpointsOf, updatesOf } from './testing/world-updates.ts';

const packetsPerWorld = 10;
const cases = Number(process.env['CALICO_EQUIVALENCE_RUNS'] ?? 6000);
const seed = Number(process.env['CALICO_EQUIVALENCE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const timeout = 20_000 + cases * 10;

function build(world: RandomWorld): { readonly mirror: IntentMirror; readonly reference: Reference } {
  const updates = updatesOf(world);
  const reference = new Reference(resourcesOf(updates), hostInterfaces, serviceEndpointsOf(updates));
  return { mirror: new IntentMirror().apply(calculate(updates)), reference };
}

/** Counts verdicts, since a sample in which nothing passes would agree with anything. */
function agree(
  among: fc.Arbitrary<RandomWorld>,
  traffic: fc.Arbitrary<Packet>,
  numRuns: number,
  settings: fc.Arbitrary<Partial<RuleOptions>> = fc.constant({}),
): { readonly allowed: number; readonly denied: number } {
  const seen = { allowed: 0, denied: 0 };
  const sample = fc.array(traffic, { minLength: packetsPerWorld, maxLength: packetsPerWorld });
  fc.assert(
    fc.property(among, sample, settings, (world, several, options) => {
      const { mirror, reference } = build(world);
      const rulesets = { 4: render(mirror, 4, options, hostInterfaces), 6: render(mirror, 6, options, hostInterfaces) };
      const kernel = kernelWorld(mirror);
      for (const packet of several) {
        const { verdict, trail } = interpret(rulesets[packet.family], pathOf(packet), packet, kernel);
        const expected = reference.decide(packet, { ...defaultRuleOptions, ...options });
        const isAllowed = verdict === 'accept';
        if (isAllowed !== (expected.verdict === 'allow'))
          expect({ packet, isAllowed, options, trail }).toEqual(expected);
        seen[isAllowed ? 'allowed' : 'denied']++;
      }
    }),
    { numRuns, seed },
  );
  return seen;
}

test(`new connections are decided as the policy reads (seed ${seed})`, { timeout }, () => {
  console.info(`equivalence: ${cases} cases, CALICO_EQUIVALENCE_SEED=${seed}`);
  const { allowed, denied } = agree(worlds, packets, Math.ceil(cases / packetsPerWorld));
  expect(Math.min(allowed, denied)).toBeGreaterThan(cases / 20);
});

test(`look-ups in place of rules decide as the policy reads (seed ${seed})`, { timeout }, () => {
  const options = fc.constant({ failsafes: randomFailsafes, verdictMaps: true });
  const { allowed, denied } = agree(
    worlds,
    fc.oneof(packets, hostPackets),
    Math.ceil(cases / packetsPerWorld),
    options,
  );
  expect(Math.min(allowed, denied)).toBeGreaterThan(cases / 20);
});

test(`whatever is configured, rules decide as the policy reads (seed ${seed})`, { timeout }, () => {
  const runs = Math.ceil(cases / packetsPerWorld / 2);
  const { allowed, denied } = agree(fc.oneof(worlds, hostWorlds), fc.oneof(packets, hostPackets), runs, anyOptions);
  expect(Math.min(allowed, denied)).toBeGreaterThan(cases / 40);
});

test(`what host endpoints cover is decided as the policy reads (seed ${seed})`, { timeout }, () => {
  const { allowed, denied } = agree(
    fc.oneof(worlds, hostWorlds),
    fc.oneof(hostPackets, packets),
    Math.ceil(cases / packetsPerWorld),
    fc.constant({ failsafes: randomFailsafes }),
  );
  expect(Math.min(allowed, denied)).toBeGreaterThan(cases / 20);
});

test.for([false, true])(
  `a rule alone matches what it says (look-ups: %s, seed ${seed})`,
  { timeout },
  (verdictMaps) => {
    const loneRule = fc.tuple(worlds, rule, fc.boolean()).map(([world, only, isNamespaced]): RandomWorld => {
      const rules = [{ ...only, action: 'Allow' as const }];
      const spec = { tier: 'default', types: ['Ingress' as const], ingress: rules };
      const policies = [{ name: 'lone', spec, ...(isNamespaced ? { namespace: 'default' } : {}) }];
      const profiles = { ...world.profiles, p1: { egress: [{ action: 'Allow' as const }] } };
      const tiers = [{ name: 'default', order: 2, defaultAction: 'Deny' as const }];
      const endpoints = world.endpoints.map((endpoint) => ({ ...endpoint, profiles: ['p1'] }));
      return { ...world, hostEndpoints: [], endpoints, policies, profiles, tiers };
    });
    const runs = Math.ceil(cases / packetsPerWorld);
    const { allowed, denied } = agree(loneRule, packets, runs, fc.constant({ verdictMaps }));
    expect(Math.min(allowed, denied)).toBeGreaterThan(cases / 50);
  },
);

test('an established connection goes on whatever the policy says, an invalid packet does not', () => {
  fc.assert(
    fc.property(worlds, packets, (world, packet) => {
      // Without an address it is no endpoint yet, and everything of its interface is dropped.
      fc.pre(world.endpoints[0]?.ipNetworks.length !== 0);
      const { mirror } = build(world);
      const ruleset = render(mirror, packet.family, {}, hostInterfaces);
      const kernel = kernelWorld(mirror);
      const run = (conntrackState: Packet['conntrackState']) =>
        interpret(
          ruleset,
          packetPaths.forward,
          { ...packet, conntrackState, inInterface: 'cali1', outInterface: 'eth0', reversePathFailed: false },
          kernel,
        );
      expect(run('established').verdict).toBe('accept');
      expect(run('related').verdict).toBe('accept');
      expect(run('invalid').verdict).toBe('drop');
    }),
    { numRuns: 30 },
  );
});

test('what a workload sends to its host passes its egress policy, then the endpoint-to-host action', () => {
  fc.assert(
    fc.property(worlds, packets, fc.constantFrom('DROP', 'ACCEPT'), (world, packet, defaultEndpointToHostAction) => {
      const { mirror, reference } = build(world);
      const { outInterface: _forwarded, ...toHost } = packet;
      const options = { ...defaultRuleOptions, defaultEndpointToHostAction };
      const ruleset = render(mirror, packet.family, options, hostInterfaces);
      const { verdict } = interpret(ruleset, packetPaths.input, toHost, kernelWorld(mirror));
      expect(verdict === 'accept').toBe(reference.decide(toHost, options).verdict === 'allow');
    }),
    { numRuns: 200 },
  );
});
