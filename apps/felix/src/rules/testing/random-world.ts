/** Random stores of one node's endpoints and policy, and packets between them. */
import { decodeResource, parseResourceKey, type Resource, type SpecOf } from '@calico-node/model';
import { parseCidr, parseIp } from '@calico-node/net';
import type { Failsafes, HostInterface, ServiceEndpoint } from '@calico-node/policy';
import fc from 'fast-check';
import type { CalcGraph, StoreUpdate } from '../../calc/calc-graph.ts';
import { convertEndpointSlice } from '../../calc/convert/endpoint-slice.ts';
import { namedPortProtocols } from '../../calc/ip-set.ts';
import { stored, storedEndpoint } from '../../calc/testing/resources.ts';
import { packetPaths, type Packet } from '../interpret.ts';

/**
 * Workload endpoints 1 and 2 are on `node1`, on `cali1` and `cali2`; 3 is elsewhere. The node's own interfaces are
 * `eth0` and `eth1`, and its own address ends in 7, on `eth0`.
 */
export interface RandomWorld {
  readonly hostEndpoints: readonly {
    readonly name: string;
    readonly interfaceName?: string;
    readonly expectedIPs?: readonly string[];
    readonly labels: Readonly<Record<string, string>>;
    readonly profiles: readonly string[];
  }[];
  /** Networks of services' addresses, as BGP announces them. */
  readonly serviceCidrs: readonly string[];
  /** Hosts that serve service `default/web`, and on which ports. */
  readonly slices: readonly {
    readonly hosts: readonly number[];
    readonly ports: readonly { readonly protocol: string; readonly port: number }[];
  }[];
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

/** The addresses of the node itself. */
export const hostAddresses = { 4: parseIp('10.0.0.7'), 6: parseIp('fd00::7') } as const;

/** The node's interfaces that are no workload's. */
export const hostInterfaces: readonly HostInterface[] = [
  { name: 'eth0', addresses: Object.values(hostAddresses) },
  { name: 'eth1', addresses: [] },
  { name: 'lo', addresses: [parseIp('127.0.0.1'), parseIp('::1')] },
];

/** Some of the ports that random packets have. */
export const randomFailsafes: Failsafes = {
  inbound: [
    { protocol: 6, port: 443 },
    { protocol: 17, port: 53, net: parseCidr('10.0.0.3/32') },
  ],
  outbound: [
    { protocol: 17, port: 2000 },
    { protocol: 6, port: 8080, net: parseCidr('fd00::/126') },
  ],
};

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
const services = { services: { name: 'web', namespace: 'default' } };
const serviceRule = fc.record({ action, protocol: maybe(fc.constantFrom('TCP', 'UDP')) }).map(present);
/** Only who sends may be named by a service in ingress rules, only who receives in egress rules. */
const ingressRules = fc
  .tuple(rules, maybe(serviceRule))
  .map(([others, own]) => (own === undefined ? others : [{ ...own, source: services }, ...others]));
const egressRules = fc
  .tuple(rules, maybe(serviceRule))
  .map(([others, own]) => (own === undefined ? others : [{ ...own, destination: services }, ...others]));

const policy = fc
  .record({
    namespace: fc.constantFrom(undefined, undefined, 'default', 'other'),
    name: fc.constantFrom('x', 'y', 'z'),
    hostFlags: fc.constantFrom(
      {},
      {},
      {},
      { applyOnForward: true },
      { applyOnForward: true, preDNAT: true },
      { applyOnForward: true, doNotTrack: true },
    ),
    namespaceSelector: maybe(fc.constantFrom('all()', 'env == "prod"', '!has(env)')),
    spec: fc
      .record({
        tier: fc.constantFrom('default', 'first'),
        order: maybe(fc.constantFrom(1, 2)),
        selector: maybe(selector),
        serviceAccountSelector: maybe(fc.constantFrom('all()', 'team == "x"')),
        types: fc.subarray(['Ingress' as const, 'Egress' as const], { minLength: 1 }),
        ingress: ingressRules,
        egress: egressRules,
      })
      .map(present),
  })
  .map(({ namespace, name, namespaceSelector, hostFlags, spec }) => {
    if (namespace !== undefined) return { name, namespace, spec };
    const global = present({ ...spec, ...hostFlags, namespaceSelector });
    return { name, spec: 'preDNAT' in hostFlags ? ingressOnly(global) : global };
  });

/** Pre-DNAT policy speaks of what comes in alone. */
function ingressOnly(spec: SpecOf<'GlobalNetworkPolicy'>): SpecOf<'GlobalNetworkPolicy'> {
  const { egress: _, ...rest } = spec;
  return { ...rest, types: ['Ingress'] };
}

const hostEndpoint = fc
  .record({
    name: fc.constantFrom('h1', 'h2', 'h3'),
    where: fc.constantFrom(
      { interfaceName: '*' },
      { interfaceName: 'eth0' },
      { interfaceName: 'eth1' },
      { expectedIPs: ['10.0.0.7'] },
      { expectedIPs: ['fd00::7', '10.0.0.9'] },
    ),
    labels,
    profiles: fc.subarray(['p1', 'p2', 'projectcalico-default-allow']),
  })
  .map(({ where, ...rest }) => ({ ...rest, ...where }));

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
  hostEndpoints: fc.uniqueArray(hostEndpoint, { maxLength: 3, selector: ({ name }) => name }),
  serviceCidrs: fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, fc.subarray(['10.0.0.2/31', 'fd00::4/126'])),
  slices: fc.array(
    fc.record({
      hosts: fc.subarray([1, 2, 3, 9]),
      ports: fc.subarray([
        { protocol: 'TCP', port: 80 },
        { protocol: 'UDP', port: 53 },
      ]),
    }),
    { maxLength: 2 },
  ),
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

/** Worlds where `eth0` has a host endpoint, with a policy of every stage. */
export const hostWorlds: fc.Arbitrary<RandomWorld> = fc
  .record({
    world: worlds,
    early: fc.constantFrom('doNotTrack', 'preDNAT'),
    earlyRules: rules,
    lateRules: rules,
    ending: fc.constantFrom('Allow' as const, 'Deny' as const),
  })
  .map(({ world, early, earlyRules, lateRules, ending }) => {
    const flags = { tier: 'default', applyOnForward: true };
    const ingress = [...earlyRules, { action: ending }];
    const both = { ingress, egress: ingress, types: ['Ingress' as const, 'Egress' as const], doNotTrack: true };
    const first =
      early === 'doNotTrack'
        ? { ...flags, ...both, order: 0 }
        : { ...flags, ingress, types: ['Ingress' as const], preDNAT: true, order: 0 };
    return {
      ...world,
      hostEndpoints: [{ name: 'h0', interfaceName: 'eth0', labels: {}, profiles: ['p1'] }, ...world.hostEndpoints],
      policies: [
        ...world.policies,
        { name: 'early', spec: first },
        { name: 'late', spec: { ...flags, ingress: lateRules, egress: lateRules } },
      ],
    };
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
/** Where packets come from and go to; an interface that is none is a process of the host. */
const places = [
  { host: 1, interfaceName: 'cali1' },
  { host: 2, interfaceName: 'cali2' },
  { host: 3, interfaceName: 'eth0' },
  { host: 9, interfaceName: 'eth0' },
  { host: 9, interfaceName: 'cali9' },
  { host: 4, interfaceName: 'eth1' },
] as const;
const host = { host: 7, interfaceName: undefined } as const;
const forwarded = fc.tuple(fc.constantFrom(...places), fc.constantFrom(...places));
const inOrOut = fc.oneof(
  fc.tuple(fc.constantFrom(...places), fc.constant(host)),
  fc.tuple(fc.constant(host), fc.constantFrom(...places)),
);

function packetsAlong(
  ends: fc.Arbitrary<[(typeof places)[number] | typeof host, (typeof places)[number] | typeof host]>,
): fc.Arbitrary<Packet> {
  return fc
    .record({
      family: fc.constantFrom(4 as const, 6 as const),
      ends,
      header,
      reversePathFailed: fc.nat(9).map((n) => n === 0),
      destinationTranslated: fc.nat(3).map((n) => n === 0),
    })
    .map(({ family, ends: [from, to], header: fields, reversePathFailed, destinationTranslated }) => ({
      family,
      source: parseIp(family === 4 ? `10.0.0.${from.host}` : `fd00::${from.host}`),
      destination: parseIp(family === 4 ? `10.0.0.${to.host}` : `fd00::${to.host}`),
      ...fields,
      ...(from.interfaceName === undefined ? {} : { inInterface: from.interfaceName }),
      ...(to.interfaceName === undefined ? {} : { outInterface: to.interfaceName }),
      conntrackState: 'new',
      destinationTranslated,
      reversePathFailed: from.interfaceName !== undefined && reversePathFailed,
    }));
}

/** What node1 is to pass on. */
export const packets: fc.Arbitrary<Packet> = packetsAlong(forwarded);

/** What node1 itself receives and sends. */
export const hostPackets: fc.Arbitrary<Packet> = packetsAlong(inOrOut);

/** The hooks that the packet passes. */
export function pathOf({ inInterface, outInterface }: Packet): (typeof packetPaths)[keyof typeof packetPaths] {
  if (inInterface === undefined) return packetPaths.output;
  return outInterface === undefined ? packetPaths.input : packetPaths.forward;
}

const slicePrefix = 'EndpointSlice ';

/** Gives the graph what `updatesOf` has made. */
export function feed(graph: CalcGraph, update: StoreUpdate): void {
  if (update.key.startsWith(slicePrefix)) graph.updateEndpointSlice(update);
  else graph.update(update);
}

/** Who serves what, among the updates. */
export function serviceEndpointsOf(updates: readonly StoreUpdate[]): readonly ServiceEndpoint[] {
  return updates.flatMap(({ key, value }) => {
    const slice = key.startsWith(slicePrefix) && value !== undefined ? convertEndpointSlice(value) : undefined;
    const ports = slice?.ports.map(({ protocol, port: number }) => ({
      protocol: namedPortProtocols[protocol],
      port: number,
    }));
    return (slice?.addresses ?? []).map((ip) => ({ ip, ports: ports ?? [] }));
  });
}

/** What the store holds, and the slices of services, for `feed`. Every endpoint has the profile of its namespace, behind its others. */
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
    ...(world.serviceCidrs.length === 0
      ? []
      : [
          stored(
            'BGPConfiguration',
            { name: 'default' },
            { serviceClusterIPs: world.serviceCidrs.map((cidr) => ({ cidr })) },
          ),
        ]),
    ...world.slices.map(({ hosts, ports: served }, index) => {
      const metadata = { namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } };
      const slice = {
        metadata,
        endpoints: hosts.map((n) => ({ addresses: [`10.0.0.${n}`, `fd00::${n}`] })),
        ports: served,
      };
      return { key: `${slicePrefix}${index}`, value: JSON.stringify(slice), revision: 1n };
    }),
    ...world.hostEndpoints.map(({ name, labels: own, interfaceName, expectedIPs, profiles }) =>
      stored(
        'HostEndpoint',
        { name, labels: own },
        present({
          node: 'node1',
          interfaceName,
          expectedIPs: expectedIPs && [...expectedIPs],
          profiles: [...profiles],
        }),
      ),
    ),
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
