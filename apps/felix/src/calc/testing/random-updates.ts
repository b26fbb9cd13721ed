/** Random updates of one store: every kind that the calculation graph reads, few names of each, so that they meet. */
import fc from 'fast-check';
import type { StoreUpdate } from '../calc-graph.ts';
import { stored, storedBlock, storedEndpoint } from './resources.ts';

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
const address = fc
  .tuple(fc.integer({ min: 1, max: 5 }), fc.nat(3))
  .map(([n, six]) => (six === 0 ? `fd00::${n}/128` : `10.0.0.${n}/32`));
const namespace = fc.constantFrom('default', 'default', 'other');

const rule = fc.record({
  action: fc.constantFrom('Allow' as const, 'Deny' as const, 'Pass' as const, 'Log' as const),
  protocol: fc.constant('TCP'),
  source: fc.oneof(
    { weight: 4, arbitrary: fc.record({ selector, notSelector: selector }) },
    fc.record({ namespaceSelector: fc.constantFrom('all()', 'global()', 't == "1"'), selector }),
    fc.constantFrom({ serviceAccounts: { names: ['sa1'] } }, { serviceAccounts: { selector: 't == "1"' } }),
    fc.constantFrom({ services: { name: 'web', namespace: 'default' } }, { services: { name: 'web' } }),
  ),
  destination: fc.record({ selector, ports }),
});
const toService = fc.constantFrom(
  { action: 'Allow' as const, destination: { services: { name: 'web', namespace: 'default' } } },
  { action: 'Deny' as const, destination: { services: { name: 'web' } } },
);
const rules = fc.array(rule, { maxLength: 2 });
const egressRules = fc.array(fc.oneof({ weight: 4, arbitrary: rule }, toService), { maxLength: 2 });
const policySpec = fc.record({
  tier: fc.constantFrom('default', 'first'),
  order,
  selector,
  types: fc.constantFrom(undefined, ['Ingress' as const], ['Egress' as const], ['Ingress' as const, 'Egress' as const]),
  performanceHints: fc.constantFrom(undefined, undefined, ['AssumeNeededOnEveryNode' as const]),
  ingress: rules,
  egress: egressRules,
});

const endpoint = fc
  .record({
    workload: fc.constantFrom('w1', 'w2', 'w3'),
    namespace,
    node: fc.constantFrom('node1', 'node1', 'node2'),
    labels,
    interfaceName: fc.constantFrom('cali1', 'cali2'),
    ipNetworks: fc.uniqueArray(address, { maxLength: 2 }),
    profiles: fc.uniqueArray(fc.constantFrom('p1', 'p2', 'kns.default', 'ksa.sa1', 'projectcalico-default-allow'), {
      maxLength: 2,
    }),
    serviceAccountName: fc.constantFrom('', 'sa1'),
    httpPort: fc.constantFrom(80, 8080),
  })
  .map(({ workload, node, labels, httpPort, namespace: own, ...spec }) =>
    storedEndpoint({
      workload,
      namespace: own,
      node,
      labels,
      spec: {
        ...spec,
        ports: [{ name: 'http', protocol: 'TCP', port: httpPort, hostPort: 0, hostIP: '' }],
      },
    }),
  );

/** A Kubernetes EndpointSlice, which the store does not have, has such a key. */
export const slicePrefix = 'EndpointSlice ';

const slice = fc
  .record({
    name: fc.constantFrom('s1', 's2'),
    service: fc.constantFrom('web', 'db'),
    namespace,
    hosts: fc.subarray([1, 2, 9]),
    ports: fc.subarray([{ port: 80 }, { port: 53, protocol: 'UDP' }]),
  })
  .map(({ name, service, namespace: own, hosts, ports: served }): StoreUpdate => {
    const metadata = { namespace: own, labels: { 'kubernetes.io/service-name': service } };
    const endpoints = hosts.map((n) => ({ addresses: [`10.0.0.${n}`] }));
    return {
      key: `${slicePrefix}${name}`,
      value: JSON.stringify({ metadata, endpoints, ports: served }),
      revision: 1n,
    };
  });

/** What is there only for its effect on the node itself. */
const settings = fc.oneof(
  fc
    .record({
      name: fc.constantFrom('default', 'node.node1', 'node.node2', 'chosen', 'chosen2'),
      logSeverityScreen: fc.constantFrom('Info', 'Debug'),
      nodeSelector: fc.constantFrom('a == "1"', 'has(b)', 'a =='),
    })
    .map(({ name, logSeverityScreen, nodeSelector }) =>
      stored(
        'FelixConfiguration',
        { name },
        { logSeverityScreen, ...(name.startsWith('chosen') ? { nodeSelector } : {}) },
      ),
    ),
  fc
    .boolean()
    .map((datastoreReady) => stored('ClusterInformation', { name: 'default' }, { clusterGUID: 'x', datastoreReady })),
  fc
    .record({ name: fc.constantFrom('default', 'node.node1'), cidrs: fc.subarray(['10.96.0.0/16', 'fd00:1::/112']) })
    .map(({ name, cidrs }) =>
      stored(
        'BGPConfiguration',
        { name },
        {
          serviceClusterIPs: cidrs.map((cidr) => ({ cidr })),
          ...(cidrs.length === 1 ? { localWorkloadPeeringIPV4: '169.254.1.9' } : {}),
        },
      ),
    ),
  fc
    .record({ name: fc.constantFrom('peer1', 'peer2'), nodeSelector: selector, localWorkloadSelector: selector })
    .map(({ name, ...spec }) => stored('BGPPeer', { name }, { asNumber: 64512, ...spec } as never)),
);

const staged = fc.oneof(
  policySpec.map((spec) => stored('StagedNetworkPolicy', { name: 'n1', namespace: 'default' }, spec)),
  fc.constant(stored('StagedGlobalNetworkPolicy', { name: 'g1' }, { stagedAction: 'Delete' })),
  fc.constant(stored('StagedKubernetesNetworkPolicy', { name: 'n1', namespace: 'default' }, { podSelector: {} })),
);

/** The revision counts for nothing; the key and the value do. */
export const randomUpdate: fc.Arbitrary<StoreUpdate> = fc.oneof(
  slice,
  settings,
  staged,
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
      profiles: fc.subarray(['p1', 'p2', 'projectcalico-default-allow']),
      ports: fc.subarray([{ name: 'http', protocol: 'TCP', port: 443 }]),
    })
    .map(({ name, labels: own, ...spec }) => stored('HostEndpoint', { name, labels: own }, spec)),
  policySpec.map((spec) => stored('StagedGlobalNetworkPolicy', { name: 's1' }, { stagedAction: 'Set', ...spec })),
  policySpec.map((spec) => stored('NetworkPolicy', { name: 'n1', namespace: 'default' }, spec)),
  fc
    .record({ spec: policySpec, serviceAccountSelector: fc.constantFrom('', 'all()', 't == "1"') })
    .map(({ spec, ...more }) => stored('NetworkPolicy', { name: 'g1', namespace: 'other' }, { ...spec, ...more })),
  fc
    .record({
      name: fc.constantFrom('p1', 'p2', 'kns.default', 'ksa.sa1', 'projectcalico-default-allow'),
      ingress: rules,
      labelsToApply: fc.constantFrom({}, { a: '1' }, { b: '2' }, { 'pcns.t': '1' }, { 'pcsa.t': '1' }),
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
    .record({
      labels,
      nets: fc.subarray(['10.0.0.1/32', '10.0.0.0/24', 'fd00::/64', '0.0.0.0/0']),
      namespace: fc.constantFrom(undefined, 'default'),
    })
    .map(({ labels: own, nets, namespace: where }) =>
      where === undefined
        ? stored('GlobalNetworkSet', { name: 'set', labels: own }, { nets })
        : stored('NetworkSet', { name: 'set', namespace: where, labels: own }, { nets }),
    ),
  fc
    .record({
      name: fc.constantFrom('pool1', 'pool2'),
      natOutgoing: fc.boolean(),
      cidr: fc.constantFrom('10.0.0.0/16', '10.1.0.0/16', '10.0.0.0/24'),
      modes: fc.constantFrom(
        {},
        { vxlanMode: 'Always' as const },
        { vxlanMode: 'CrossSubnet' as const },
        { ipipMode: 'CrossSubnet' as const },
        { allowedUses: ['LoadBalancer' as const] },
      ),
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
      tunnel: fc.constantFrom(
        {},
        { ipv4VXLANTunnelAddr: '10.0.0.7' },
        { ipv6VXLANTunnelAddr: 'fd00::7', vxlanTunnelMACAddrV6: '66:00:00:00:00:01' },
        { wireguard: { interfaceIPv4Address: '10.0.0.8' } },
        { addresses: [{ address: '172.16.0.9', type: 'InternalIP' as const }] },
      ),
      ipipAddress: fc.constantFrom({}, { ipv4IPIPTunnelAddr: '10.0.0.6' }, { ipv6Address: 'fd01::1/64' }),
      labels,
    })
    .map(({ name, ipv4Address, tunnel, ipipAddress, labels: own }) =>
      stored('Node', { name, labels: own }, { bgp: { ipv4Address, ...ipipAddress }, ...tunnel }),
    ),
  fc.constant({ key: stored('Tier', { name: 'first' }, {}).key, value: 'not JSON', revision: 1n }),
);
