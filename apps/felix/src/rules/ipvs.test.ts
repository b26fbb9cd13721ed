/**
 * Through a service, in kube-proxy's IPVS mode, a packet meets what it would meet if it were forwarded to the address
 * behind the service. CALICO_EQUIVALENCE_RUNS and CALICO_EQUIVALENCE_SEED as in equivalence.test.ts.
 */
import { parseIp, type Family } from '@calico-node/net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ipvsServicesSet } from '../calc/ip-set.ts';
import { IntentMirror } from '../calc/testing/intent-mirror.ts';
import { interpret, type Outcome, type Packet, type PacketWorld } from './interpret.ts';
import { endpointMarkChainName } from './names.ts';
import { defaultRuleOptions, type RuleOptions } from './options.ts';
import { calculate, kernelWorld, render } from './testing/program.ts';
import { anyOptions } from './testing/random-options.ts';
import { hostPackets, packets } from './testing/random-packets.ts';
import {
  hostAddresses,
  hostInterfaces,
  hostWorlds,
  randomFailsafes,
  worlds,
  type RandomWorld,
} from './testing/random-world.ts';
import { Reference } from './testing/reference.ts';
import { resourcesOf, serviceEndpointsOf, updatesOf } from './testing/world-updates.ts';

/** What is for the host itself, as a service's endpoint. */
const receivedPackets = hostPackets.filter(({ inInterface }) => inInterface !== undefined);
const cases = Number(process.env['CALICO_EQUIVALENCE_RUNS'] ?? 6000);
const seed = Number(process.env['CALICO_EQUIVALENCE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const service = { 4: parseIp('10.96.0.1'), 6: parseIp('fd96::1') } as const;
/** Bits that no mask of `anyOptions` has. */
const marks = 0x00600f00;
const ipvs = { marks, nodePorts: [{ first: 30_000, last: 32_767 }] };

function build(world: RandomWorld) {
  const updates = updatesOf(world);
  const mirror = new IntentMirror().apply(calculate(updates));
  const inner = kernelWorld(mirror);
  const kernel: PacketWorld = {
    ...inner,
    inSet: (id, ip) => (id === ipvsServicesSet ? Object.values(service).includes(ip) : inner.inSet(id, ip)),
    isLocal: (ip) => Object.values(service).includes(ip) || inner.isLocal(ip),
  };
  const reference = new Reference(resourcesOf(updates), hostInterfaces, serviceEndpointsOf(updates));
  const rulesetOf = (family: Family, options: Partial<RuleOptions>) => render(mirror, family, options, hostInterfaces);
  return { mirror, kernel, reference, rulesetOf };
}

/** As the kernel does: in as the host's own, then on, translated, with the mark that it has by then. */
function throughIpvs(
  { kernel, rulesetOf }: ReturnType<typeof build>,
  { outInterface, ...packet }: Packet,
  sentTo: Pick<Packet, 'destination' | 'destinationPort'>,
  options: Partial<RuleOptions>,
): Outcome {
  const ruleset = rulesetOf(packet.family, { ...options, lateInput: true });
  const taken = interpret(ruleset, ['prerouting', 'input'], { ...packet, ...sentTo }, kernel);
  if (taken.verdict !== 'accept') return taken;
  if (outInterface === undefined) return interpret(ruleset, ['late-input'], { ...packet, mark: taken.mark }, kernel);
  const { inInterface: _forgotten, ...rest } = packet;
  return interpret(ruleset, ['output', 'postrouting'], { ...rest, outInterface, mark: taken.mark }, kernel);
}

test(`a new connection is decided as if it went there at once (seed ${seed})`, { timeout: 20_000 + cases * 10 }, () => {
  const seen = { allowed: 0, denied: 0 };
  fc.assert(
    fc.property(
      fc.oneof(worlds, hostWorlds),
      fc.array(fc.oneof(packets, receivedPackets), { minLength: 10, maxLength: 10 }),
      anyOptions,
      (world, several, options) => {
        const built = build(world);
        for (const packet of several) {
          const sentTo = { destination: service[packet.family] };
          const { verdict, trail } = throughIpvs(built, packet, sentTo, { ...options, ipvs });
          const expected = built.reference.decide(packet, { ...defaultRuleOptions, ...options }, sentTo);
          const isAllowed = verdict === 'accept';
          if (isAllowed !== (expected.verdict === 'allow'))
            expect({ packet, isAllowed, options, trail }).toEqual(expected);
          seen[isAllowed ? 'allowed' : 'denied']++;
        }
      },
    ),
    { numRuns: Math.ceil(cases / 20), seed },
  );
  expect(Math.min(seen.allowed, seen.denied)).toBeGreaterThan(cases / 80);
});

describe('in one world', () => {
  const [world] = fc.sample(worlds, { numRuns: 1, seed: 1 });
  const denied: RandomWorld = {
    ...world!,
    hostEndpoints: [],
    serviceCidrs: [],
    policies: [
      {
        name: 'backends',
        spec: { types: ['Egress'], egress: [{ action: 'Allow', destination: { nets: ['10.0.0.3/32'] } }] },
      },
    ],
    staged: [],
    tiers: [{ name: 'default', order: 2, defaultAction: 'Deny' }],
    endpoints: [1, 2].map((index) => ({
      ...{ index, namespace: 'default', labels: {}, profiles: [], serviceAccountName: '', ports: [] },
      ipNetworks: [`10.0.0.${index}/32`],
    })),
  };
  const built = build(denied);
  const packet: Packet = {
    ...{ family: 4, protocol: 6, sourcePort: 4000, destinationPort: 80, conntrackState: 'new' },
    ...{ source: parseIp('10.0.0.1'), destination: parseIp('10.0.0.3'), inInterface: 'cali1', outInterface: 'eth0' },
  };
  const decide = (changes: Partial<Packet>, sentTo: Pick<Packet, 'destination' | 'destinationPort'>) =>
    throughIpvs(built, { ...packet, ...changes }, sentTo, { ipvs, failsafes: randomFailsafes });
  const toService = { destination: service[4] };

  test('egress policy sees the address behind the service', () => {
    expect(decide({}, toService).verdict).toBe('accept');
    expect(decide({ destination: parseIp('10.0.0.4') }, toService).verdict).toBe('drop');
  });

  test("a node port is one of the host's own among KubeNodePortRanges", () => {
    const nodePort = (destinationPort: number) => decide({}, { destination: hostAddresses[4], destinationPort });
    expect(nodePort(30_080).verdict).toBe('accept');
    // What the workload may not send to the host itself, by policy.
    const { verdict, trail } = nodePort(8080);
    expect(verdict).toBe('drop');
    expect(trail).toContain('cali-wl-to-host');
  });

  test('no mark is left behind, whatever the bits had in them', () => {
    const { mark } = decide({ mark: marks }, toService);
    expect(mark & marks).toBe(0);
    const toHost = throughIpvs(built, { ...packet, mark: marks }, { destination: hostAddresses[4] }, { ipvs });
    expect(toHost.mark & marks).toBe(0);
  });

  test('what is known already passes, in both directions', () => {
    expect(decide({ conntrackState: 'established', destination: parseIp('10.0.0.4') }, toService).verdict).toBe(
      'accept',
    );
  });

  test('a workload whose interface is nobody’s reaches no service', () => {
    expect(decide({ inInterface: 'cali9' }, toService).verdict).toBe('drop');
  });

  test('what comes from an endpoint that the mask has no mark for reaches none, and the chain says why', () => {
    const few = { ipvs: { ...ipvs, marks: 0x300 } };
    const hostEndpoints = [{ name: 'uplink', interfaceName: 'eth0', labels: {}, profiles: [] }];
    const crowded = build({ ...denied, hostEndpoints });
    const through = (inInterface: string) => {
      const { verdict } = throughIpvs(crowded, { ...packet, inInterface }, toService, few);
      const chain = crowded.rulesetOf(4, few).chains.find(({ name }) => name === endpointMarkChainName(inInterface));
      return { verdict, comment: chain?.rules[0]?.comment };
    };
    expect(through('cali1')).toEqual({ verdict: 'accept', comment: undefined });
    expect(through('cali2')).toEqual({ verdict: 'accept', comment: undefined });
    expect(through('eth0')).toEqual({
      verdict: 'drop',
      comment: 'The mask of marks has too few bits for all endpoints',
    });
  });
});
