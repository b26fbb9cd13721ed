/** Random stores of one node's endpoints and policy. */
import type { SpecOf } from '@calico-node/model';
import { parseCidr, parseIp } from '@calico-node/net';
import type { Failsafes, HostInterface } from '@calico-node/policy';
import fc from 'fast-check';
import { egressRules, ingressRules, labels, maybe, netsOf, present, rules, selector } from './random-rules.ts';

type StagedKind = 'StagedGlobalNetworkPolicy' | 'StagedNetworkPolicy' | 'StagedKubernetesNetworkPolicy';

/**
 * Workload endpoints 1 and 2 are on `node1`, on `cali1` and `cali2`; 3 is elsewhere. The node's own interfaces are
 * `eth0` and `eth1`, and its own address ends in 7, on `eth0`.
 */
export interface RandomWorld {
  readonly hostEndpoints: readonly {
    readonly name: string;
    /** `node1` where nothing else is said. */
    readonly node?: string;
    readonly interfaceName?: string;
    readonly expectedIPs?: readonly string[];
    readonly labels: Readonly<Record<string, string>>;
    readonly profiles: readonly string[];
    readonly ports?: readonly NamedPort[];
  }[];
  /** Networks of services' addresses, as BGP announces them. */
  readonly serviceCidrs: readonly string[];
  /** Hosts that serve a service, `<namespace>/<name>`, and on which ports. */
  readonly slices: readonly {
    readonly service: string;
    readonly hosts: readonly number[];
    readonly ports: readonly { readonly protocol: string; readonly port: number }[];
  }[];
  readonly endpoints: readonly {
    readonly index: number;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly profiles: readonly string[];
    readonly serviceAccountName: string;
    readonly ports: readonly NamedPort[];
    /** Without any it is not ready yet, and none. */
    readonly ipNetworks: readonly string[];
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
  /** None of them has an effect. */
  readonly staged: readonly {
    readonly kind: StagedKind;
    readonly name: string;
    readonly spec: SpecOf<'StagedGlobalNetworkPolicy'> | SpecOf<'StagedKubernetesNetworkPolicy'>;
  }[];
  readonly profiles: Readonly<Record<string, SpecOf<'Profile'>>>;
  readonly tiers: readonly {
    readonly name: string;
    readonly order?: number | undefined;
    readonly defaultAction?: 'Deny' | 'Pass' | undefined;
  }[];
}

interface NamedPort {
  readonly name: string;
  readonly protocol: string | number;
  readonly port: number;
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

const types = fc.oneof(
  { weight: 9, arbitrary: fc.subarray(['Ingress' as const, 'Egress' as const], { minLength: 1 }) },
  // As old releases stored what speaks of both.
  fc.constantFrom(undefined, []),
);

const spec = fc
  .record({
    tier: fc.constantFrom('default', 'first', 'default', 'first', 'default', 'kube-baseline', 'missing', undefined),
    order: maybe(fc.constantFrom(1, 2, 1.5, -1, 0)),
    selector: maybe(selector),
    serviceAccountSelector: maybe(fc.constantFrom('all()', 'team == "x"')),
    performanceHints: maybe(fc.constant(['AssumeNeededOnEveryNode' as const])),
    types,
    ingress: ingressRules,
    egress: egressRules,
  })
  .map(present);

const hostFlags = fc.constantFrom(
  {},
  {},
  {},
  { applyOnForward: true },
  { applyOnForward: true, preDNAT: true },
  { applyOnForward: true, doNotTrack: true },
);

const policy = fc
  .record({
    namespace: fc.constantFrom(undefined, undefined, 'default', 'other'),
    name: fc.constantFrom('x', 'y', 'z', 'x.a-name-too-long-for-a-chain-1', 'x.a-name-too-long-for-a-chain-2'),
    hostFlags,
    namespaceSelector: maybe(fc.constantFrom('all()', 'env == "prod"', '!has(env)')),
    spec,
  })
  .map(({ namespace, name, namespaceSelector, hostFlags: flags, spec: common }) => {
    if (namespace !== undefined) return { name, namespace, spec: common };
    const global = present({ ...common, ...flags, namespaceSelector });
    return { name, spec: 'preDNAT' in flags ? ingressOnly(global) : global };
  });

/** Pre-DNAT policy speaks of what comes in alone. */
function ingressOnly(both: SpecOf<'GlobalNetworkPolicy'>): SpecOf<'GlobalNetworkPolicy'> {
  const { egress: _, ...rest } = both;
  return { ...rest, types: ['Ingress'] };
}

type Policies = RandomWorld['policies'];

const fewPolicies: fc.Arbitrary<Policies> = fc.uniqueArray(policy, {
  maxLength: 5,
  selector: ({ name, namespace = '' }) => `${name}/${namespace}`,
});

/** Many with one selector, which endpoints share as a group. */
const manyAlike: fc.Arbitrary<Policies> = fc
  .record({ ingress: fc.array(rules, { minLength: 6, maxLength: 12 }), own: selector, flags: hostFlags })
  .map(({ ingress, own, flags }) =>
    ingress.map((list, index) => {
      const types = ['Ingress' as const, 'Egress' as const];
      const all = { tier: 'default', selector: own, types, ingress: list, egress: list, ...flags };
      return { name: `alike${index}`, spec: 'preDNAT' in flags ? ingressOnly(all) : all };
    }),
  );

const stagedAction = fc.constantFrom('Set' as const, 'Learn' as const, 'Ignore' as const, undefined);
const staged = fc.oneof(
  fc
    .record({
      kind: fc.constantFrom('StagedGlobalNetworkPolicy' as const, 'StagedNetworkPolicy' as const),
      name: fc.constantFrom('x', 'w'),
      spec,
      stagedAction,
    })
    .map(({ kind, name, spec: common, stagedAction: own }) => ({
      kind,
      name,
      spec: present({ ...common, stagedAction: own }),
    })),
  fc.record({
    kind: fc.constantFrom('StagedGlobalNetworkPolicy' as const, 'StagedNetworkPolicy' as const),
    name: fc.constantFrom('x', 'y'),
    spec: fc.constant({ tier: 'default', stagedAction: 'Delete' as const }),
  }),
  fc.record({
    kind: fc.constant('StagedKubernetesNetworkPolicy' as const),
    name: fc.constant('x'),
    spec: fc.constant({ stagedAction: 'Set' as const, podSelector: {}, policyTypes: ['Ingress' as const] }),
  }),
);

const namedPorts = fc.subarray<NamedPort>([
  { name: 'http', protocol: 'TCP', port: 80 },
  { name: 'http', protocol: 'TCP', port: 8080 },
  { name: 'dns', protocol: 'UDP', port: 53 },
  { name: 'http', protocol: 17, port: 443 },
  { name: 'diameter', protocol: 'SCTP', port: 999 },
]);

const hostEndpoint = fc
  .record({
    name: fc.constantFrom('h1', 'h2', 'h3'),
    node: fc.constantFrom('node1', 'node1', 'node1', 'node1', 'node2'),
    where: fc.constantFrom(
      { interfaceName: '*' },
      { interfaceName: 'eth0' },
      { interfaceName: 'eth1' },
      { expectedIPs: ['10.0.0.7'] },
      { expectedIPs: ['fd00::7', '10.0.0.9'] },
      { interfaceName: '*', expectedIPs: ['10.0.0.3'] },
    ),
    labels,
    profiles: fc.subarray(['p1', 'p2', 'projectcalico-default-allow']),
    ports: namedPorts,
  })
  .map(({ where, ...rest }) => ({ ...rest, ...where }));

const endpoint = (index: number) =>
  fc.record({
    index: fc.constant(index),
    namespace: fc.constantFrom('default', 'default', 'other'),
    labels,
    profiles: fc.oneof(
      { weight: 4, arbitrary: fc.subarray(['p1', 'p2', 'ksa.sa1']) },
      fc.constantFrom(['p1', 'missing'], ['projectcalico-default-allow'], ['p2', 'p1', 'p2']),
    ),
    serviceAccountName: fc.constantFrom('', 'sa1', 'sa2'),
    ports: namedPorts,
    ipNetworks: fc.oneof(
      { weight: 6, arbitrary: fc.constant([`10.0.0.${index}/32`, `fd00::${index}/128`]) },
      fc.constantFrom(
        [`10.0.0.${index}/32`],
        [`fd00::${index}/128`],
        // Addresses that others have too.
        [`10.0.0.${index}/32`, `fd00::${index}/128`, '10.0.0.9/32', 'fd00::9/128', '10.0.0.2/32'],
        [],
      ),
    ),
  });

const profileRules = fc.tuple(rules, fc.subarray([{ action: 'Allow' as const }])).map((parts) => parts.flat());
const profile = fc.record({ ingress: profileRules, egress: profileRules, labelsToApply: maybe(labels) }).map(present);
const defaultAction = fc.constantFrom('Deny' as const, 'Pass' as const, undefined);

export const worlds: fc.Arbitrary<RandomWorld> = fc.record({
  hostEndpoints: fc.uniqueArray(hostEndpoint, { maxLength: 3, selector: ({ name }) => name }),
  serviceCidrs: fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, fc.subarray(['10.0.0.2/31', 'fd00::4/126'])),
  slices: fc.array(
    fc.record({
      service: fc.constantFrom('default/web', 'default/web', 'other/web', 'other/db'),
      hosts: fc.subarray([1, 2, 3, 9]),
      ports: fc.subarray([
        { protocol: 'TCP', port: 80 },
        { protocol: 'UDP', port: 53 },
        { protocol: 'SCTP', port: 999 },
      ]),
    }),
    { maxLength: 3 },
  ),
  endpoints: fc.tuple(endpoint(1), endpoint(2), endpoint(3)),
  networkSets: fc.array(
    fc
      .record({
        namespace: fc.constantFrom(undefined, 'default', 'other'),
        labels,
        nets: fc.oneof(
          { weight: 4, arbitrary: fc.subarray([...netsOf[4], ...netsOf[6]]) },
          fc.subarray([
            '0.0.0.0/0',
            '::/0',
            '10.0.0.2',
            '10.0.0.0/31',
            '0.0.0.0/1',
            'fd00::3',
            'fd00::/127',
            '8000::/1',
          ]),
        ),
      })
      .map(present),
    { maxLength: 2 },
  ),
  policies: fc.oneof({ weight: 7, arbitrary: fewPolicies }, manyAlike),
  staged: fc.oneof(
    { weight: 2, arbitrary: fc.constant([]) },
    fc.uniqueArray(staged, { maxLength: 2, selector: ({ kind, name }) => `${kind}/${name}` }),
  ),
  profiles: fc.record({
    p1: profile,
    p2: profile,
    'kns.default': fc.constant({ labelsToApply: { 'pcns.env': 'prod' } }),
    'ksa.sa1': fc.constant({ labelsToApply: { 'pcsa.team': 'x' } }),
  }),
  tiers: fc.tuple(
    fc.record({ name: fc.constant('first'), order: fc.constantFrom(1, 2, 3, undefined), defaultAction }),
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
