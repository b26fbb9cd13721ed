/**
 * Random policy and packets, the latter given to the XDP program in the kernel: whatever it drops, the policy denies.
 * CALICO_EQUIVALENCE_SEED repeats a run.
 */
import { xdpAction } from '@calico-node/netlink/bpf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IntentMirror } from '../src/calc/testing/intent-mirror.ts';
import { failsafeKeys, sourceKeysOf } from '../src/dataplane/xdp/filter-keys.ts';
import { XdpFilter } from '../src/dataplane/xdp/xdp-filter.ts';
import type { Packet } from '../src/rules/interpret.ts';
import { defaultRuleOptions } from '../src/rules/options.ts';
import { calculate } from '../src/rules/testing/program.ts';
import { hostPackets } from '../src/rules/testing/random-packets.ts';
import { rule } from '../src/rules/testing/random-rules.ts';
import { hostInterfaces, hostWorlds, randomFailsafes, type RandomWorld } from '../src/rules/testing/random-world.ts';
import { Reference } from '../src/rules/testing/reference.ts';
import { resourcesOf, serviceEndpointsOf, updatesOf } from '../src/rules/testing/world-updates.ts';
import { XdpDenials } from '../src/rules/xdp-denials.ts';
import { encodeFrame } from './support/raw-packet.ts';

const seed = Number(process.env['CALICO_EQUIVALENCE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const options = { ...defaultRuleOptions, failsafes: randomFailsafes };
const mac = new Uint8Array(6);

const selector = fc.constantFrom('a == "1"', 'has(b)', '!has(a)', 'a == "1" || b in {"1"}');
const denial = fc.record({ action: fc.constant('Deny' as const), source: fc.record({ selector }) });
const other = fc.constantFrom(
  { action: 'Allow' as const, protocol: 'UDP' as const },
  { action: 'Allow' as const, source: { nets: ['10.0.0.0/29'] } },
  { action: 'Allow' as const, ipVersion: 6 as const },
  { action: 'Deny' as const, protocol: 'TCP' as const, source: { selector: 'all()' } },
  { action: 'Deny' as const, source: { selector: 'all()', notNets: ['10.0.0.0/29'] } },
  { action: 'Pass' as const, source: { nets: ['10.0.0.0/28'] } },
  { action: 'Log' as const },
);
const ruleList = fc.array(fc.oneof({ weight: 3, arbitrary: denial }, { weight: 1, arbitrary: other }, rule), {
  maxLength: 3,
});

/** Worlds whose untracked policies on `eth0` deny many a source, some before and some behind other rules. */
const worlds = fc
  .record({ world: hostWorlds, ingress: fc.array(ruleList, { minLength: 2, maxLength: 3 }), isFirst: fc.boolean() })
  .map(({ world, ingress, isFirst }): RandomWorld => {
    const untracked = ingress.map((rules, order) => {
      const flags = { applyOnForward: true, doNotTrack: true, types: ['Ingress' as const] };
      const tier = isFirst && order > 0 ? 'first' : 'default';
      return { name: `u${order}`, spec: { ...flags, order, tier, ingress: rules } };
    });
    const sets = [
      { labels: { a: '1' }, nets: ['10.0.0.9/32'] },
      { labels: { b: '2' }, nets: ['10.0.0.2/31'] },
    ];
    const others = world.policies.filter(({ spec }) => spec.doNotTrack !== true);
    return { ...world, networkSets: [...world.networkSets, ...sets], policies: [...others, ...untracked] };
  });

const fromOutside = hostPackets.filter(({ family, inInterface = '' }) => family === 4 && inInterface.startsWith('eth'));

/** The packet as it may look on the wire: as it is, with options, a later fragment of it, and cut short. */
function framesOf(packet: Packet): readonly Uint8Array[] {
  const frame = encodeFrame(packet, mac, 1);
  const header = 14 + 20;
  const withOptions = Uint8Array.from([...frame.subarray(0, header), 1, 1, 1, 0, ...frame.subarray(header)]);
  withOptions[14] = 0x46;
  const fragment = Uint8Array.from([...frame.subarray(0, header), ...new Uint8Array(16).fill(0x50)]);
  fragment[21] = 2;
  return [frame, withOptions, fragment, frame.subarray(0, header + 2), frame.subarray(0, header - 4)];
}

test(`what XDP drops the policy denies (seed ${seed})`, { timeout: 60_000 }, () => {
  using filter = XdpFilter.create();
  filter.setFailsafes(failsafeKeys(randomFailsafes));
  const seen = { dropped: 0, passed: 0 };
  fc.assert(
    fc.property(worlds, fc.array(fromOutside, { minLength: 10, maxLength: 10 }), (world, packets) => {
      const updates = updatesOf(world);
      const reference = new Reference(resourcesOf(updates), hostInterfaces, serviceEndpointsOf(updates));
      const batch = calculate(updates);
      const mirror = new IntentMirror().apply(batch);
      const denials = new XdpDenials();
      for (const intent of batch.intents) denials.take(intent);
      for (const each of hostInterfaces) denials.take({ type: 'host-interface-update', ...each });
      for (const packet of packets) {
        const sets = denials.sources().get(packet.inInterface ?? '') ?? [];
        filter.unblock(filter.sources());
        for (const set of sets) filter.block(sourceKeysOf([...mirror.sets.get(set)!.members] as never));
        for (const frame of framesOf(packet)) {
          const isDropped = filter.run(frame).result === xdpAction.drop;
          const { steps } = reference.decide(packet, options);
          const untracked = steps.find(({ stage }) => stage === 'untracked')?.verdict;
          if (isDropped) expect({ packet, untracked }).toMatchObject({ untracked: 'deny' });
          seen[isDropped ? 'dropped' : 'passed']++;
        }
      }
    }),
    { numRuns: 100, seed },
  );
  expect(Math.min(seen.dropped, seen.passed)).toBeGreaterThan(100);
});
