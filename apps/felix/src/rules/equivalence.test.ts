/** Random policy and packets: the rules, made through the whole graph, decide as the policy reads. */
import { cidrContains, parseIp, parseNodeName, type Cidr } from '@calico-node/net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CalcGraph } from '../calc/calc-graph.ts';
import { splitIpPortMember, type IpPortMember } from '../calc/ip-set.ts';
import { IntentMirror } from '../calc/testing/intent-mirror.ts';
import { stored, storedEndpoint } from '../calc/testing/resources.ts';
import { interpret, packetPaths, type Packet, type PacketWorld } from './interpret.ts';
import type { Ruleset } from './model.ts';
import { defaultRuleOptions, type RuleOptions } from './options.ts';
import { renderRuleset } from './render-ruleset.ts';
import { isAllowed, type OracleWorld } from './testing/policy-oracle.ts';

/** Mostly absent, so that rules match something. */
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
const present = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;

const labels = fc.dictionary(fc.constantFrom('a', 'b'), fc.constantFrom('1', '2'), { maxKeys: 2 });
const selector = fc.constantFrom(
  'all()',
  'a == "1"',
  'a != "1"',
  'has(b)',
  '!has(a)',
  'a == "1" && b == "2"',
  'a == "1" || b in {"1"}',
);
const ports = fc.uniqueArray(fc.constantFrom(80, 443, '1000:2000', 'http', 'dns'), { minLength: 1, maxLength: 3 });
const namedPorts = fc.uniqueArray(fc.constantFrom('http', 'dns'), { minLength: 1 });
const netsOf = {
  4: ['10.0.0.1/32', '10.0.0.0/30', '10.0.0.0/16', '192.168.0.0/16'],
  6: ['fd00::1/128', 'fd00::/126', 'fd00::/16'],
};
const nets = (family: 4 | 6) => fc.subarray(netsOf[family], { minLength: 1, maxLength: 3 });

const entity = (family: 4 | 6, portLists: fc.Arbitrary<(string | number)[]> | undefined) =>
  fc
    .record({
      nets: maybe(nets(family)),
      notNets: maybe(nets(family)),
      selector: fc.option(selector, { nil: undefined, freq: 3 }),
      notSelector: maybe(selector),
      namespaceSelector: maybe(fc.constantFrom('all()', 'global()')),
      ports: portLists === undefined ? fc.constant(undefined) : fc.option(portLists, { nil: undefined, freq: 2 }),
      notPorts: portLists === undefined ? fc.constant(undefined) : maybe(portLists),
    })
    .map(present);

const action = fc.constantFrom('Allow' as const, 'Allow' as const, 'Deny' as const, 'Pass' as const, 'Log' as const);

const rule = fc.constantFrom(4 as const, 6 as const).chain((family) =>
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .record({
          action,
          protocol: fc.constantFrom('TCP', 'UDP', 17),
          source: entity(family, ports),
          destination: entity(family, ports),
        })
        .map(present),
    },
    fc
      .record({
        action,
        notProtocol: maybe(fc.constantFrom('TCP', 'ICMP')),
        source: entity(family, namedPorts),
        destination: entity(family, namedPorts),
      })
      .map(present),
    fc
      .record({
        action,
        protocol: fc.constantFrom('ICMP', 'ICMPv6'),
        icmp: maybe(fc.constantFrom({ type: 8 }, { type: 128 }, { type: 8, code: 0 }, { type: 8, code: 1 })),
        notICMP: maybe(fc.constantFrom({ type: 8 }, { type: 128, code: 0 })),
        source: entity(family, undefined),
        destination: entity(family, undefined),
      })
      .map(present),
    fc.record({ action, ipVersion: maybe(fc.constant(family)), notICMP: maybe(fc.constant({ type: 8 })) }).map(present),
    fc.record({ action }),
  ),
);
const rules = fc.array(rule, { maxLength: 3 });

const policy = fc
  .record({
    isNamespaced: fc.boolean(),
    name: fc.constantFrom('x', 'y', 'z'),
    spec: fc
      .record({
        tier: fc.constantFrom('default', 'first'),
        order: maybe(fc.constantFrom(1, 2)),
        selector: maybe(selector),
        types: fc.subarray(['Ingress' as const, 'Egress' as const], { minLength: 1 }),
        ingress: rules,
        egress: rules,
      })
      .map(present),
  })
  .map(({ isNamespaced, name, spec }) => ({ name, spec, ...(isNamespaced ? { namespace: 'default' } : {}) }));

const endpoint = (index: number) =>
  fc.record({
    interfaceName: fc.constant(`cali${index}`),
    isLocal: fc.constant(index < 3),
    addresses: fc.constant([`10.0.0.${index}/32`, `fd00::${index}/128`]),
    labels,
    profiles: fc.subarray(['p1', 'p2']),
    ports: fc.subarray([
      { name: 'http', protocol: 'TCP', port: 80 },
      { name: 'http', protocol: 'TCP', port: 8080 },
      { name: 'dns', protocol: 'UDP', port: 53 },
    ]),
  });

const profile = fc.record({ ingress: rules, egress: rules });
const defaultAction = fc.constantFrom('Deny' as const, 'Pass' as const);

const worlds: fc.Arbitrary<OracleWorld> = fc.record({
  endpoints: fc.tuple(endpoint(1), endpoint(2), endpoint(3)),
  networkSets: fc.array(fc.record({ labels, nets: fc.subarray([...netsOf[4], ...netsOf[6]]) }), { maxLength: 2 }),
  policies: fc.uniqueArray(policy, { maxLength: 5, selector: ({ name, namespace = '' }) => `${name}/${namespace}` }),
  profiles: fc.record({ p1: profile, p2: profile }),
  tiers: fc.tuple(
    fc.record({ name: fc.constant('first'), order: fc.constantFrom(1, 3), defaultAction }),
    fc.record({ name: fc.constant('default'), order: fc.constant(2), defaultAction }),
  ),
});

const port = fc.constantFrom(53, 80, 443, 999, 1000, 2000, 4789, 8080);
const header = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ protocol: fc.constantFrom(6, 17, 132), sourcePort: port, destinationPort: port }),
  },
  fc.record({ protocol: fc.constantFrom(1, 58), icmpType: fc.constantFrom(8, 128), icmpCode: fc.constantFrom(0, 1) }),
  fc.record({ protocol: fc.constantFrom(4, 47) }),
);
const place = fc.constantFrom(
  { host: 1, interfaceName: 'cali1' },
  { host: 2, interfaceName: 'cali2' },
  { host: 3, interfaceName: 'eth0' },
  { host: 9, interfaceName: 'eth0' },
  { host: 9, interfaceName: 'cali9' },
);

const packets: fc.Arbitrary<Packet> = fc
  .record({
    family: fc.constantFrom(4 as const, 6 as const),
    from: place,
    to: place,
    header,
    reversePathFailed: fc.nat(9).map((n) => n === 0),
  })
  .map(({ family, from, to, header: fields, reversePathFailed }) => ({
    family,
    source: parseIp(family === 4 ? `10.0.0.${from.host}` : `fd00::${from.host}`),
    destination: parseIp(family === 4 ? `10.0.0.${to.host}` : `fd00::${to.host}`),
    ...fields,
    inInterface: from.interfaceName,
    outInterface: to.interfaceName,
    conntrackState: 'new',
    reversePathFailed,
  }));

function program(world: OracleWorld): IntentMirror {
  const graph = new CalcGraph({ hostname: parseNodeName('node1') });
  for (const { name, ...spec } of world.tiers) graph.update(stored('Tier', { name }, spec));
  for (const [name, spec] of Object.entries(world.profiles)) graph.update(stored('Profile', { name }, spec));
  for (const { name, namespace, spec } of world.policies) {
    graph.update(
      namespace === undefined
        ? stored('GlobalNetworkPolicy', { name }, spec)
        : stored('NetworkPolicy', { name, namespace }, spec),
    );
  }
  for (const [index, set] of world.networkSets.entries()) {
    graph.update(stored('GlobalNetworkSet', { name: `set${index}`, labels: set.labels }, { nets: set.nets }));
  }
  for (const { interfaceName, isLocal, addresses, labels: own, profiles, ports: named } of world.endpoints) {
    const spec = {
      interfaceName,
      ipNetworks: addresses,
      profiles,
      ports: named.map((fields) => ({ ...fields, hostPort: 0, hostIP: '' })),
    };
    graph.update(storedEndpoint({ workload: interfaceName, node: isLocal ? 'node1' : 'node2', labels: own, spec }));
  }
  graph.onInSync();
  const batch = graph.flush();
  expect(batch.warnings).toEqual([]);
  return new IntentMirror().apply(batch);
}

function kernelWorld(mirror: IntentMirror): PacketWorld {
  const members = (id: string, kind: 'net' | 'ip-port'): readonly (Cidr | IpPortMember)[] => {
    const set = mirror.sets.get(id);
    if (set?.kind !== kind) throw new Error(`no set ${id} of kind ${kind}`);
    return [...set.members];
  };
  return {
    inSet: (id, ip) => members(id, 'net').some((cidr) => cidrContains(cidr as Cidr, ip)),
    inPortSet: (id, ip, protocol, number) =>
      members(id, 'ip-port').some((member) => {
        const parts = splitIpPortMember(member as IpPortMember);
        return parts.ip === ip && parts.protocol === protocol && parts.port === number;
      }),
    isLocal: () => false,
  };
}

/** Counts verdicts, since a sample in which nothing passes would agree with anything. */
function agree(
  worlds: fc.Arbitrary<OracleWorld>,
  numRuns: number,
): { readonly allowed: number; readonly denied: number } {
  const seen = { allowed: 0, denied: 0 };
  fc.assert(
    fc.property(worlds, fc.array(packets, { minLength: 30, maxLength: 30 }), (world, sample) => {
      const mirror = program(world);
      const rulesets = { 4: render(mirror, 4), 6: render(mirror, 6) };
      const kernel = kernelWorld(mirror);
      for (const packet of sample) {
        const { verdict, trail } = interpret(rulesets[packet.family], packetPaths.forward, packet, kernel);
        const expected = isAllowed(world, packet);
        expect({ packet, isAllowed: verdict === 'accept', trail }).toEqual({ packet, isAllowed: expected, trail });
        seen[expected ? 'allowed' : 'denied']++;
      }
    }),
    { numRuns },
  );
  return seen;
}

function render(
  { policies, profiles, endpoints }: IntentMirror,
  family: 4 | 6,
  options: Partial<RuleOptions> = {},
): Ruleset {
  return renderRuleset(
    { policies: policies.values(), profiles: profiles.values(), endpoints: endpoints.values() },
    family,
    { ...defaultRuleOptions, ...options },
  );
}

test('new connections are decided as the policy reads', () => {
  const { allowed, denied } = agree(worlds, 300);
  expect(Math.min(allowed, denied)).toBeGreaterThan(500);
});

test('a rule alone matches what it says', () => {
  const loneRule = fc.tuple(worlds, rule, fc.boolean()).map(([world, only, isNamespaced]): OracleWorld => {
    const rules = [{ ...only, action: 'Allow' as const }];
    const spec = { tier: 'default', types: ['Ingress' as const], ingress: rules };
    const policies = [{ name: 'lone', spec, ...(isNamespaced ? { namespace: 'default' } : {}) }];
    const profile = { egress: [{ action: 'Allow' as const }] };
    const tiers = [{ name: 'default', order: 2, defaultAction: 'Deny' as const }];
    const endpoints = world.endpoints.map((endpoint) => ({ ...endpoint, profiles: ['p1'] }));
    return { ...world, endpoints, policies, profiles: { p1: profile }, tiers };
  });
  const { allowed, denied } = agree(loneRule, 500);
  expect(Math.min(allowed, denied)).toBeGreaterThan(500);
});

test('an established connection goes on whatever the policy says, an invalid packet does not', () => {
  fc.assert(
    fc.property(worlds, packets, (world, packet) => {
      const mirror = program(world);
      const ruleset = render(mirror, packet.family);
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
    fc.property(worlds, packets, (world, packet) => {
      const mirror = program(world);
      const kernel = kernelWorld(mirror);
      const { outInterface: _forwarded, ...toHost } = packet;
      const run = (defaultEndpointToHostAction: 'DROP' | 'ACCEPT') =>
        interpret(render(mirror, packet.family, { defaultEndpointToHostAction }), packetPaths.input, toHost, kernel)
          .verdict;
      const isFromWorkload = toHost.inInterface?.startsWith('cali') === true;
      expect(run('ACCEPT') === 'accept').toBe(isAllowed(world, toHost));
      if (isFromWorkload) expect(run('DROP')).toBe('drop');
    }),
    { numRuns: 100 },
  );
});
