/** Random stores of one node's endpoints and policy, and packets between them. */
import { decodeResource, parseResourceKey, type Resource, type SpecOf } from '@calico-node/model';
import { parseIp } from '@calico-node/net';
import fc from 'fast-check';
import type { StoreUpdate } from '../../calc/calc-graph.ts';
import { stored, storedEndpoint } from '../../calc/testing/resources.ts';
import type { Packet } from '../interpret.ts';

/** Workload endpoints 1 and 2 are on `node1`, on `cali1` and `cali2`; 3 is elsewhere. */
export interface RandomWorld {
  readonly endpoints: readonly {
    readonly index: number;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly profiles: readonly string[];
    readonly serviceAccountName: string;
    readonly ports: readonly { readonly name: string; readonly protocol: string; readonly port: number }[];
  }[];
  readonly networkSets: readonly {
    readonly namespace?: string | undefined;
    readonly labels: Readonly<Record<string, string>>;
    readonly nets: readonly string[];
  }[];
  readonly policies: readonly {
    readonly name: string;
    readonly namespace?: string;
    readonly spec: SpecOf<'GlobalNetworkPolicy'>;
  }[];
  readonly profiles: Readonly<Record<string, SpecOf<'Profile'>>>;
  readonly tiers: readonly { readonly name: string; readonly order: number; readonly defaultAction: 'Deny' | 'Pass' }[];
}

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

const serviceAccounts = fc.constantFrom(
  { names: ['sa1'] },
  { names: ['sa1', 'sa2'] },
  { selector: 'team == "x"' },
  { names: ['sa1'], selector: 'has(team)' },
);

const entity = (family: 4 | 6, portLists: fc.Arbitrary<(string | number)[]> | undefined) =>
  fc
    .record({
      nets: maybe(nets(family)),
      notNets: maybe(nets(family)),
      selector: fc.option(selector, { nil: undefined, freq: 3 }),
      notSelector: maybe(selector),
      namespaceSelector: maybe(fc.constantFrom('all()', 'global()', 'env == "prod"')),
      serviceAccounts: maybe(serviceAccounts),
      ports: portLists === undefined ? fc.constant(undefined) : fc.option(portLists, { nil: undefined, freq: 2 }),
      notPorts: portLists === undefined ? fc.constant(undefined) : maybe(portLists),
    })
    .map(present);

const action = fc.constantFrom('Allow' as const, 'Allow' as const, 'Deny' as const, 'Pass' as const, 'Log' as const);

/** A rule as stored. */
export const rule = fc.constantFrom(4 as const, 6 as const).chain((family) =>
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
    namespace: fc.constantFrom(undefined, undefined, 'default', 'other'),
    name: fc.constantFrom('x', 'y', 'z'),
    namespaceSelector: maybe(fc.constantFrom('all()', 'env == "prod"', '!has(env)')),
    spec: fc
      .record({
        tier: fc.constantFrom('default', 'first'),
        order: maybe(fc.constantFrom(1, 2)),
        selector: maybe(selector),
        serviceAccountSelector: maybe(fc.constantFrom('all()', 'team == "x"')),
        types: fc.subarray(['Ingress' as const, 'Egress' as const], { minLength: 1 }),
        ingress: rules,
        egress: rules,
      })
      .map(present),
  })
  .map(({ namespace, name, namespaceSelector, spec }) =>
    namespace === undefined ? { name, spec: present({ ...spec, namespaceSelector }) } : { name, namespace, spec },
  );

const endpoint = (index: number) =>
  fc.record({
    index: fc.constant(index),
    namespace: fc.constantFrom('default', 'default', 'other'),
    labels,
    profiles: fc.oneof({ weight: 4, arbitrary: fc.subarray(['p1', 'p2', 'ksa.sa1']) }, fc.constant(['p1', 'missing'])),
    serviceAccountName: fc.constantFrom('', 'sa1', 'sa2'),
    ports: fc.subarray([
      { name: 'http', protocol: 'TCP', port: 80 },
      { name: 'http', protocol: 'TCP', port: 8080 },
      { name: 'dns', protocol: 'UDP', port: 53 },
    ]),
  });

const profileRules = fc.tuple(rules, fc.subarray([{ action: 'Allow' as const }])).map((parts) => parts.flat());
const profile = fc.record({ ingress: profileRules, egress: profileRules });
const defaultAction = fc.constantFrom('Deny' as const, 'Pass' as const);

export const worlds: fc.Arbitrary<RandomWorld> = fc.record({
  endpoints: fc.tuple(endpoint(1), endpoint(2), endpoint(3)),
  networkSets: fc.array(
    fc
      .record({
        namespace: fc.constantFrom(undefined, 'default'),
        labels,
        nets: fc.subarray([...netsOf[4], ...netsOf[6]]),
      })
      .map(present),
    { maxLength: 2 },
  ),
  policies: fc.uniqueArray(policy, { maxLength: 5, selector: ({ name, namespace = '' }) => `${name}/${namespace}` }),
  profiles: fc.record({
    p1: profile,
    p2: profile,
    'kns.default': fc.constant({ labelsToApply: { 'pcns.env': 'prod' } }),
    'ksa.sa1': fc.constant({ labelsToApply: { 'pcsa.team': 'x' } }),
  }),
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

/** What arrives at node1's forwarding hook. */
export const packets: fc.Arbitrary<Packet> = fc
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

/** What the store holds. Every endpoint has the profile of its namespace, behind its others. */
export function updatesOf(world: RandomWorld): readonly StoreUpdate[] {
  return [
    ...world.tiers.map(({ name, ...spec }) => stored('Tier', { name }, spec)),
    ...Object.entries(world.profiles).map(([name, spec]) => stored('Profile', { name }, spec)),
    ...world.policies.map(({ name, namespace, spec }) =>
      namespace === undefined
        ? stored('GlobalNetworkPolicy', { name }, spec)
        : stored('NetworkPolicy', { name, namespace }, spec),
    ),
    ...world.networkSets.map(({ namespace, labels: own, nets: held }, index) => {
      const name = `set${index}`;
      return namespace === undefined
        ? stored('GlobalNetworkSet', { name, labels: own }, { nets: [...held] })
        : stored('NetworkSet', { name, namespace, labels: own }, { nets: [...held] });
    }),
    ...world.endpoints.map(({ index, namespace, labels: own, profiles, serviceAccountName, ports: named }) =>
      storedEndpoint({
        workload: String(index),
        namespace,
        node: index < 3 ? 'node1' : 'node2',
        labels: own,
        spec: {
          interfaceName: `cali${index}`,
          ipNetworks: [`10.0.0.${index}/32`, `fd00::${index}/128`],
          profiles: namespace === 'default' ? [...profiles, 'kns.default'] : [...profiles],
          serviceAccountName,
          ports: named.map((fields) => ({ ...fields, hostPort: 0, hostIP: '' })),
        },
      }),
    ),
  ];
}

/** The resources that the updates store. */
export function resourcesOf(updates: readonly StoreUpdate[]): readonly Resource[] {
  return updates.flatMap(({ key, value, revision }) => {
    const parsed = parseResourceKey(key);
    return parsed === undefined || value === undefined ? [] : [decodeResource(parsed.kind, value, revision)];
  });
}
