import { parseAsn } from '@calico-node/net';
import {
  block,
  configuration,
  filter,
  node,
  peer,
  pool,
  service,
  store,
  threeNodes,
  workload,
} from '../derive/fixtures.ts';
import type { BgpResources, RenderOptions } from '../derive/resources.ts';

/** Stores for tests: their rendering is compared with golden text, and given to a real BIRD. */
export interface BirdCase {
  /** Also the golden file's name. */
  readonly name: string;
  readonly resources: BgpResources;
  readonly options: RenderOptions;
}

function birdCase(name: string, resources: Partial<BgpResources>, options: Partial<RenderOptions> = {}): BirdCase {
  return { name, resources: store(resources), options: { nodeName: 'n2', ...options } };
}

const workloads = pool('workloads', { cidr: '10.65.0.0/16', natOutgoing: true });
const workloads6 = pool('workloads6', { cidr: 'fd65::/48' });

const withReflectors = {
  nodes: [
    ...threeNodes,
    node('rr1', { ipv4Address: '10.0.0.8/24', routeReflectorClusterID: '244.0.0.1' }, { rr: 'yes' }),
    node('rr2', { ipv4Address: '10.0.0.9/24', routeReflectorClusterID: '244.0.0.1' }, { rr: 'yes' }),
  ],
  peers: [
    peer('clients-to-reflectors', { nodeSelector: '!has(rr)', peerSelector: 'has(rr)' }),
    peer('reflectors', { nodeSelector: 'has(rr)', peerSelector: 'has(rr)' }),
  ],
  configurations: [
    configuration({
      nodeToNodeMeshEnabled: false,
      serviceLoadBalancerIPs: [{ cidr: '198.51.100.0/24' }],
      serviceExternalIPs: [{ cidr: '203.0.113.7/32' }],
    }),
  ],
  pools: [workloads],
};

const dualStack = [
  node('n1', { ipv4Address: '10.0.0.1/24', ipv6Address: 'fd00::1/64' }),
  node('n2', { ipv4Address: '10.0.0.2/24', ipv6Address: 'fd00::2/64' }),
  node('n3', { ipv6Address: 'fd00::3/64', asNumber: parseAsn(64600) }),
];

export const birdCases: readonly BirdCase[] = [
  birdCase('mesh', {
    nodes: threeNodes,
    pools: [workloads],
    blocks: [
      block('10.65.1.64/26'),
      block('10.65.0.0/26', ''),
      block('10.65.9.0/26', 'pending'),
      block('10.65.8.0/26', 'pendingDeletion'),
      block('10.65.7.1/32'),
    ],
  }),
  birdCase(
    'mesh-configured',
    {
      nodes: [...threeNodes, node('n4', { ipv4Address: '10.0.0.4/24', asNumber: parseAsn(64999) })],
      configurations: [
        configuration({
          asNumber: parseAsn(64600),
          listenPort: 1179,
          logSeverityScreen: 'Debug',
          nodeMeshMaxRestartTime: '2m30s',
          nodeMeshPassword: { secretKeyRef: { name: 'bgp', key: 'mesh' } },
          ignoredInterfaces: ['docker*', 'virbr0'],
        }),
        configuration({ listenPort: 2179, bindMode: 'NodeIP', logSeverityScreen: 'Warning' }, 'node.n2'),
        configuration({ listenPort: 3179 }, 'node.n3'),
      ],
    },
    { routerId: 'hash', secretOf: () => "it's 50% #secret; \\" },
  ),
  birdCase('mesh-dual-stack', {
    nodes: dualStack,
    pools: [workloads, workloads6],
    blocks: [block('10.65.0.0/26'), block('fd65::40/122')],
    configurations: [configuration({ logSeverityScreen: 'Debug' })],
  }),
  birdCase('reflector', withReflectors, { nodeName: 'rr1' }),
  birdCase('reflector-client', withReflectors, { nodeName: 'n1' }),
  birdCase(
    'global-ebgp',
    {
      nodes: dualStack.slice(1, 2),
      peers: [
        peer('tor', {
          peerIP: '192.0.2.1:1790',
          asNumber: parseAsn(65001),
          localASNumber: parseAsn(65100),
          nextHopMode: 'Self',
          sourceAddress: 'None',
          maxRestartTime: '90s',
          keepaliveTime: '10s',
          ttlSecurity: 1,
          numAllowedLocalASNumbers: 2,
          reachableBy: '10.0.0.254',
          password: { secretKeyRef: { name: 'bgp', key: 'tor' } },
          filters: ['only-pools', 'missing'],
        }),
        peer('tor6', { peerIP: '[2001:db8::1]:1790', asNumber: parseAsn(65001), keepOriginalNextHop: true }),
        peer('near', { peerIP: 'fe80::1', asNumber: parseAsn(65001) }),
        peer('quoting', {
          peerIP: '192.0.2.9',
          asNumber: parseAsn(65009),
          password: { secretKeyRef: { name: 'bgp', key: 'quoting' } },
        }),
      ],
      filters: [filter('only-pools', { exportV4: [{ action: 'Reject' }] })],
      pools: [workloads],
      configurations: [configuration({ bindMode: 'NodeIP' })],
    },
    { secretOf: (_secret, key) => (key === 'quoting' ? 'a"b' : key) },
  ),
  birdCase('node-peers', {
    nodes: [
      node('n1', { ipv4Address: '10.0.0.1/24' }, { rack: 'a' }),
      node('n2', { ipv4Address: '10.0.0.2/24' }, { rack: 'b' }),
    ],
    peers: [
      peer('rack-a', { nodeSelector: "rack == 'a'", peerIP: '192.0.2.1', asNumber: parseAsn(65001) }),
      peer('rack-b', {
        nodeSelector: "rack == 'b'",
        peerIP: '192.0.2.2',
        asNumber: parseAsn(65002),
        nextHopMode: 'Keep',
      }),
      peer('rack-b-again', { nodeSelector: 'has(rack)', peerIP: '192.0.2.3', asNumber: parseAsn(65009) }),
      peer('for-all', { peerIP: '192.0.2.3', asNumber: parseAsn(65003), keepOriginalNextHop: true }),
      peer('other-node', { peerIP: '10.0.0.1:2179', asNumber: parseAsn(64512) }),
    ],
  }),
  birdCase('filters', {
    nodes: dualStack.slice(1, 2),
    peers: [
      peer('tor', {
        peerIP: '192.0.2.1',
        asNumber: parseAsn(65001),
        filters: ['first', 'second', 'later', 'bad', 'x'.repeat(70)],
      }),
      peer('inside', { peerIP: '192.0.2.2', filters: ['later'] }),
      peer('tor6', { peerIP: '2001:db8::1', asNumber: parseAsn(65001), filters: ['first'] }),
    ],
    filters: [
      filter('first', {
        importV4: [
          { action: 'Accept', matchOperator: 'In', cidr: '10.65.0.0/16', prefixLength: { min: 8, max: 26 } },
          { action: 'Reject', matchOperator: 'NotIn', cidr: '10.0.0.0/8', prefixLength: { min: 24 } },
          { action: 'Accept', matchOperator: 'In', cidr: '10.65.0.0/26', prefixLength: { max: 24 } },
          { action: 'Reject', matchOperator: 'NotIn', cidr: '10.65.0.0/26', prefixLength: { max: 24 } },
        ],
        exportV6: [
          { action: 'Reject', source: 'RemotePeers', interface: 'eth*', matchOperator: 'NotEqual', cidr: 'fd00::/8' },
          { action: 'Accept', matchOperator: 'In', cidr: 'fd65::/48', prefixLength: { max: 122 } },
        ],
      }),
      filter('second', {
        exportV4: [{ action: 'Accept', matchOperator: 'Equal', cidr: '10.65.0.0/26' }, { action: 'Reject' }],
      }),
      filter('later', {
        importV4: [
          { action: 'Accept', peerType: 'iBGP', communities: { values: ['65000:7'] } },
          { action: 'Reject', peerType: 'eBGP', asPathPrefix: [parseAsn(65001), parseAsn(65002)] },
          { action: 'Accept', priority: 512 },
          { action: 'Reject', communities: { values: ['1:2:3'] }, priority: 512 },
        ],
        exportV4: [
          {
            action: 'Accept',
            matchOperator: 'In',
            cidr: '10.65.0.0/16',
            operations: [
              { addCommunity: { value: '65000:1' } },
              { addCommunity: { value: '65000:2:3' } },
              { prependASPath: { prefix: [parseAsn(65010), parseAsn(65011)] } },
              { setPriority: { value: 100 } },
            ],
          },
        ],
      }),
      filter('bad', { exportV4: [{ action: 'Accept', matchOperator: 'In', cidr: '10.65.0.0/99' }] }),
      filter('x'.repeat(70), { exportV4: [{ action: 'Accept', interface: '"; drop' }] }),
      filter('unused', { exportV4: [{ action: 'Reject' }] }),
    ],
  }),
  birdCase('failure-detection', {
    nodes: dualStack.slice(1, 2),
    pools: [workloads],
    peers: [
      peer('near', {
        peerIP: '10.0.0.254',
        asNumber: parseAsn(65001),
        failureDetectionMode: 'BFDIfDirectlyConnected',
        restartMode: 'LongLivedGracefulRestart',
      }),
      peer('far', {
        peerIP: '192.0.2.1',
        asNumber: parseAsn(65001),
        failureDetectionMode: 'BFDIfDirectlyConnected',
        maxRestartTime: '10s',
      }),
      peer('plain', { peerIP: '10.0.0.253', failureDetectionMode: 'BFDIfDirectlyConnected', ttlSecurity: 1 }),
      peer('near6', {
        peerIP: 'fd00::fe',
        asNumber: parseAsn(65001),
        failureDetectionMode: 'BFDIfDirectlyConnected',
        restartMode: 'LongLivedGracefulRestart',
        maxRestartTime: '10m',
      }),
    ],
  }),
  birdCase('local-workloads', {
    nodes: dualStack.slice(1, 2),
    pools: [workloads, workloads6],
    configurations: [
      configuration({ localWorkloadPeeringIPV4: '169.254.0.179', localWorkloadPeeringIPV6: 'fd12::179' }),
    ],
    workloads: [
      workload('vm1', { role: 'router' }, '10.65.1.9/32', 'fd65::9/128', '10.65.1.10/32'),
      workload('vm2', { role: 'router', tier: 'second' }, '10.65.1.8/32'),
      workload('pod', {}, '10.65.1.7/32'),
    ],
    peers: [
      peer('routers', { localWorkloadSelector: "role == 'router'", asNumber: parseAsn(65401), filters: ['child'] }),
      peer('second', { node: 'n2', localWorkloadSelector: 'has(tier)', asNumber: parseAsn(65402) }),
      peer('elsewhere', { node: 'n1', localWorkloadSelector: 'all()', asNumber: parseAsn(65403) }),
      peer('unreadable', { localWorkloadSelector: 'has(', asNumber: parseAsn(65403) }),
    ],
    filters: [
      filter('child', {
        importV4: [
          { action: 'Accept', matchOperator: 'In', cidr: '10.123.0.0/16', prefixLength: { min: 26, max: 26 } },
          { action: 'Reject' },
        ],
        exportV4: [{ action: 'Reject' }],
      }),
    ],
  }),
  birdCase('priorities', {
    nodes: dualStack.slice(0, 2),
    configurations: [configuration({ ipv4NormalRoutePriority: 2048, ipv6NormalRoutePriority: 4096 })],
    blocks: [block('10.65.1.0/26'), block('fd65::/122')],
    pools: [workloads, workloads6],
    peers: [
      peer('tor', { peerIP: '192.0.2.1', asNumber: parseAsn(65001), filters: ['urgent'] }),
      peer('tor6', { peerIP: '2001:db8::1', asNumber: parseAsn(65001), filters: ['urgent'] }),
    ],
    filters: [
      filter('urgent', {
        importV4: [
          { action: 'Accept', priority: 512 },
          {
            action: 'Accept',
            matchOperator: 'In',
            cidr: '10.65.0.0/16',
            operations: [{ setPriority: { value: 512 } }],
          },
        ],
        exportV6: [{ action: 'Accept', priority: 512, operations: [{ setPriority: { value: 100 } }] }],
      }),
    ],
  }),
  birdCase('communities-and-services', {
    nodes: dualStack.slice(1, 2),
    configurations: [
      configuration({
        serviceClusterIPs: [{ cidr: '10.96.0.0/12' }, { cidr: 'fd96::/108' }],
        serviceExternalIPs: [{ cidr: '198.51.100.7/32' }, { cidr: '198.51.100.128/25' }],
        communities: [{ name: 'pods', value: '65000:1' }],
        prefixAdvertisements: [
          { cidr: '10.65.0.0/16', communities: ['pods', '65000:2:3'] },
          { cidr: 'fd65::/48', communities: ['pods'] },
          { cidr: '10.66.0.0/16', communities: ['none-such'] },
        ],
      }),
    ],
    pools: [workloads, workloads6],
  }),
  birdCase('services', {
    nodes: dualStack.slice(1, 2),
    configurations: [
      configuration({
        serviceClusterIPs: [{ cidr: '10.96.0.0/12' }],
        serviceExternalIPs: [{ cidr: '203.0.113.7/32' }],
        serviceLoadBalancerIPs: [{ cidr: '198.51.100.0/24' }, { cidr: 'fd98::/112' }],
        serviceLoadBalancerAggregation: 'Disabled',
      }),
    ],
    services: [
      service({ clusterIps: ['10.96.0.10'], isLocal: true, readyHere: [4] }),
      service({ clusterIps: ['10.96.0.11'], externalIps: ['203.0.113.7'] }),
      service({ loadBalancerIps: ['198.51.100.1', 'fd98::1'], ready: [4, 6] }),
      service({ loadBalancerIps: ['198.51.100.2'], isLocal: true, ready: [4] }),
    ],
  }),
  birdCase('services-excluded', {
    nodes: [
      node('n2', { ipv4Address: '10.0.0.2/24' }, { 'node.kubernetes.io/exclude-from-external-load-balancers': 'true' }),
    ],
    configurations: [configuration({ serviceClusterIPs: [{ cidr: '10.96.0.0/12' }] })],
    services: [service({ clusterIps: ['10.96.0.10'], isLocal: true, readyHere: [4] })],
  }),
  birdCase('pools', {
    nodes: dualStack.slice(1, 2),
    pools: [
      workloads,
      workloads6,
      pool('internal', { cidr: '10.67.0.0/16', disableBGPExport: true }),
      pool('overlay', { cidr: '10.66.0.0/16', vxlanMode: 'CrossSubnet' }),
      pool('old', { cidr: '10.68.0.0/16', disabled: true, ipipMode: 'Always' }),
      pool('far', { cidr: '10.69.0.0/16', ipipMode: 'CrossSubnet' }),
      pool('overlay6', { cidr: 'fd66::/48', vxlanMode: 'Always', disableBGPExport: true }),
    ],
    configurations: [configuration({ programClusterRoutes: 'Enabled' })],
  }),
  birdCase('felix-programs-all', {
    nodes: threeNodes,
    pools: [workloads, workloads6],
    configurations: [configuration({ programClusterRoutes: 'Disabled' })],
  }),
  birdCase(
    'no-address',
    {
      nodes: [...threeNodes, node('bare')],
      peers: [peer('tor', { peerIP: '192.0.2.1', asNumber: parseAsn(65000) })],
      pools: [workloads],
    },
    { nodeName: 'bare' },
  ),
];
