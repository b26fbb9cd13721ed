import { describe, expect, it } from 'vitest';
import { parseResource } from '../resource-codec.ts';
import { document, problemPathsOf, problemsOf } from '../testing/documents.ts';
import type { Kind } from './registry.ts';

interface Cases {
  readonly accepted: readonly object[];
  /** Specs, with the paths under `spec` that are reported. */
  readonly refused: readonly (readonly [object, readonly string[]])[];
}

const cases: Partial<Record<Kind, Cases>> = {
  IPPool: {
    accepted: [
      { cidr: '10.0.0.0/16' },
      { cidr: '10.0.0.0/26', blockSize: 26 },
      { cidr: '10.0.0.0/26', blockSize: 20, disabled: true },
      { cidr: 'FD00:0::/48', vxlanMode: 'Always', natOutgoing: true },
      { cidr: '10.0.0.0/16', nodeSelector: 'rack == "a"', allowedUses: ['Workload'], namespaceSelector: 'x == "y"' },
      { cidr: '10.0.0.0/16', allowedUses: ['LoadBalancer'], assignmentMode: 'Manual' },
    ],
    refused: [
      [{}, ['cidr']],
      [{ cidr: '10.0.0.1/16' }, ['cidr']],
      [{ cidr: 'ten' }, ['cidr']],
      [{ cidr: '10.0.0.0/27' }, ['cidr']],
      [{ cidr: '10.0.0.0/16', blockSize: 19 }, ['blockSize']],
      [{ cidr: '10.0.0.0/16', blockSize: 33 }, ['blockSize']],
      [{ cidr: 'fd00::/48', blockSize: 26 }, ['blockSize']],
      [{ cidr: '169.254.0.0/20' }, ['cidr']],
      [{ cidr: 'fe80::/64' }, ['cidr']],
      [{ cidr: '10.0.0.0/16', ipipMode: 'Sometimes' }, ['ipipMode']],
      [{ cidr: '10.0.0.0/16', ipipMode: 'Always', vxlanMode: 'CrossSubnet' }, ['ipipMode']],
      [{ cidr: 'fd00::/48', ipipMode: 'Always' }, ['ipipMode']],
      [{ cidr: '10.0.0.0/16', nodeSelector: 'x' }, ['nodeSelector']],
      [{ cidr: '10.0.0.0/16', namespaceSelector: 'x == "y"' }, ['namespaceSelector']],
      [{ cidr: '10.0.0.0/16', allowedUses: ['Workload', 'Workload'] }, ['allowedUses[1]']],
      [{ cidr: '10.0.0.0/16', allowedUses: ['LoadBalancer', 'Workload'] }, ['allowedUses']],
      [
        {
          cidr: '10.0.0.0/16',
          allowedUses: ['LoadBalancer'],
          vxlanMode: 'Always',
          nodeSelector: 'has(a)',
          disableBGPExport: true,
        },
        ['vxlanMode', 'nodeSelector', 'disableBGPExport'],
      ],
      [{ cidr: '10.0.0.0/16', assignmentMode: 'Never' }, ['assignmentMode']],
      [{ cidr: '10.0.0.0/16', natOutgoing: 'yes' }, ['natOutgoing']],
      [{ cidr: '10.0.0.0/16', blockSize: 26.5 }, ['blockSize']],
    ],
  },
  BGPConfiguration: {
    accepted: [
      {
        communities: [{ name: 'c', value: '65000:1' }],
        prefixAdvertisements: [{ cidr: '10.0.0.0/8', communities: ['c', '1:2:3'] }],
      },
      { nodeMeshPassword: { secretKeyRef: { name: 's', key: 'k' } }, nodeMeshMaxRestartTime: '2m' },
      { ignoredInterfaces: ['eth*', 'lo'], bindMode: 'NodeIP', listenPort: 1179, logSeverityScreen: 'debug' },
    ],
    refused: [
      [{ logSeverityScreen: 'Loud' }, ['logSeverityScreen']],
      [{ asNumber: '1.65536' }, ['asNumber']],
      [
        {
          nodeToNodeMeshEnabled: false,
          nodeMeshPassword: { secretKeyRef: { name: 's', key: 'k' } },
          nodeMeshMaxRestartTime: '1m',
        },
        ['nodeMeshPassword', 'nodeMeshMaxRestartTime'],
      ],
      [{ nodeMeshPassword: { secretKeyRef: { name: 's' } } }, ['nodeMeshPassword.secretKeyRef.key']],
      [{ nodeMeshMaxRestartTime: '90' }, ['nodeMeshMaxRestartTime']],
      [{ communities: [{ name: 'c', value: '65000:1' }] }, ['communities']],
      [
        { communities: [{ name: 'c', value: '65536:1' }], prefixAdvertisements: [{ cidr: '10.0.0.0/8' }] },
        ['communities[0].value'],
      ],
      [
        { prefixAdvertisements: [{ cidr: '10.0.0.0/8', communities: ['unknown'] }] },
        ['prefixAdvertisements[0].communities[0]'],
      ],
      [{ prefixAdvertisements: [{ communities: [] }] }, ['prefixAdvertisements[0].cidr']],
      [{ ignoredInterfaces: ['*'] }, ['ignoredInterfaces[0]']],
      [{ ignoredInterfaces: ['a-very-long-interface'] }, ['ignoredInterfaces[0]']],
      [{ serviceClusterIPs: [{ cidr: 'x' }] }, ['serviceClusterIPs[0].cidr']],
      [{ listenPort: 65536 }, ['listenPort']],
      [{ ipv4NormalRoutePriority: 0 }, ['ipv4NormalRoutePriority']],
      [{ localWorkloadPeeringIPV4: 'fd00::1' }, ['localWorkloadPeeringIPV4']],
    ],
  },
  BGPPeer: {
    accepted: [
      {},
      { node: 'n1', peerIP: '192.0.2.1:179', asNumber: 65000, keepaliveTime: '10s' },
      { nodeSelector: 'all()', peerSelector: 'has(rr)', nextHopMode: 'Keep' },
      { peerIP: '[fd00::1]:1790', asNumber: '1.10', reachableBy: 'fd00::ffff' },
      { localWorkloadSelector: 'has(a)', asNumber: 65001, reversePeering: 'Auto' },
    ],
    refused: [
      [{ node: 'n1', nodeSelector: 'all()' }, ['node']],
      [{ peerIP: '192.0.2.1', peerSelector: 'has(rr)' }, ['peerIP']],
      [{ peerSelector: 'has(rr)', asNumber: 1 }, ['asNumber']],
      [{ keepOriginalNextHop: true, nextHopMode: 'Self' }, ['keepOriginalNextHop']],
      [{ peerIP: '192.0.2.1:0' }, ['peerIP']],
      [{ peerIP: 'fd00::1:70000', asNumber: 1 }, ['peerIP']],
      [{ peerIP: 'tor' }, ['peerIP']],
      [{ reachableBy: '192.0.2.2' }, ['reachableBy']],
      [{ peerIP: '192.0.2.1', asNumber: 1, reachableBy: 'fd00::1' }, ['reachableBy']],
      [{ localWorkloadSelector: 'has(a)' }, ['asNumber']],
      [{ localWorkloadSelector: 'has(a)', asNumber: 1, peerIP: '192.0.2.1' }, ['localWorkloadSelector']],
      [{ ttlSecurity: 256 }, ['ttlSecurity']],
      [{ numAllowedLocalASNumbers: -1 }, ['numAllowedLocalASNumbers']],
      [{ sourceAddress: 'Any' }, ['sourceAddress']],
    ],
  },
  BGPFilter: {
    accepted: [
      {
        exportV4: [
          { cidr: '10.0.0.0/8', matchOperator: 'In', prefixLength: { min: 16, max: 24 }, action: 'Accept' },
          { source: 'RemotePeers', interface: 'eth*', action: 'Reject' },
          {
            action: 'Accept',
            operations: [
              { addCommunity: { value: '1:2' } },
              { prependASPath: { prefix: [65000] } },
              { setPriority: { value: 5 } },
            ],
          },
          {
            communities: { values: ['1:2'] },
            asPathPrefix: ['65000'],
            peerType: 'eBGP',
            priority: 7,
            action: 'Accept',
          },
        ],
        importV6: [{ cidr: 'fd00::/8', matchOperator: 'NotIn', prefixLength: { max: 128 }, action: 'Reject' }],
      },
    ],
    refused: [
      [{ exportV4: [{}] }, ['exportV4[0].action']],
      [{ exportV4: [{ cidr: 'fd00::/8', matchOperator: 'In', action: 'Accept' }] }, ['exportV4[0].cidr']],
      [{ importV6: [{ cidr: '10.0.0.0/8', matchOperator: 'In', action: 'Accept' }] }, ['importV6[0].cidr']],
      [{ exportV4: [{ cidr: '10.0.0.0/8', action: 'Accept' }] }, ['exportV4[0].matchOperator']],
      [{ exportV4: [{ matchOperator: 'In', action: 'Accept' }] }, ['exportV4[0].matchOperator']],
      [{ exportV4: [{ prefixLength: { min: 1 }, action: 'Accept' }] }, ['exportV4[0].prefixLength']],
      [
        { exportV4: [{ cidr: '10.0.0.0/8', matchOperator: 'In', prefixLength: { min: 33 }, action: 'Accept' }] },
        ['exportV4[0].prefixLength.min', 'exportV4[0].prefixLength.max'],
      ],
      [{ exportV4: [{ action: 'Reject', operations: [{ setPriority: { value: 5 } }] }] }, ['exportV4[0].operations']],
      [{ exportV4: [{ action: 'Accept', operations: [{}] }] }, ['exportV4[0].operations[0]']],
      [{ exportV4: [{ action: 'Accept', communities: { values: [] } }] }, ['exportV4[0].communities.values']],
      [{ exportV4: [{ action: 'Accept', interface: 'a/b' }] }, ['exportV4[0].interface']],
    ],
  },
  Node: {
    accepted: [
      {},
      { bgp: { ipv4Address: '10.0.0.1/24', ipv6Address: 'fd00::1/64', routeReflectorClusterID: '1.2.3.4' } },
      { vxlanTunnelMACAddr: '66:00:00:00:00:01', interfaces: [{ name: 'eth0', addresses: ['10.0.0.1'] }] },
      { orchRefs: [{ nodeName: 'n', orchestrator: 'k8s' }], wireguard: { interfaceIPv4Address: '10.0.0.9' } },
    ],
    refused: [
      [{ bgp: {} }, ['bgp']],
      [{ bgp: { ipv4Address: 'fd00::1/64' } }, ['bgp.ipv4Address']],
      [{ bgp: { ipv6Address: '10.0.0.1/24' } }, ['bgp.ipv6Address']],
      [{ bgp: { ipv4IPIPTunnelAddr: '10.0.0.1/24' } }, ['bgp.ipv4IPIPTunnelAddr']],
      [{ bgp: { routeReflectorClusterID: 'one' } }, ['bgp.routeReflectorClusterID']],
      [{ vxlanTunnelMACAddr: 'x' }, ['vxlanTunnelMACAddr']],
      [{ ipv6VXLANTunnelAddr: '10.0.0.1' }, ['ipv6VXLANTunnelAddr']],
      [{ orchRefs: [{ nodeName: 'n' }] }, ['orchRefs[0].orchestrator']],
      [{ addresses: [{ address: 'x', type: 'Home' }] }, ['addresses[0].type']],
      [{ interfaces: [{ addresses: ['x'] }] }, ['interfaces[0].addresses[0]']],
    ],
  },
  HostEndpoint: {
    accepted: [
      { node: 'n', interfaceName: 'eth0' },
      { node: 'n', expectedIPs: ['10.0.0.1', 'fd00::1'] },
    ],
    refused: [
      [{ interfaceName: 'eth0' }, ['node']],
      [{ node: 'n' }, ['interfaceName']],
      [{ node: 'n', interfaceName: 'sixteen-letters-' }, ['interfaceName']],
      [{ node: 'n', expectedIPs: ['10.0.0.0/8'] }, ['expectedIPs[0]']],
      [{ node: 'n', interfaceName: '*', ports: [{ name: 'http', protocol: 'ICMP', port: 1 }] }, ['ports[0].protocol']],
      [{ node: 'n', interfaceName: '*', ports: [{ name: 'a--b', protocol: 'TCP', port: 1 }] }, ['ports[0].name']],
      [{ node: 'n', interfaceName: '*', ports: [{ name: 'a', protocol: 'TCP' }] }, ['ports[0].port']],
      [{ node: 'n', interfaceName: '*', ports: [{ name: '123', protocol: 'TCP', port: 1 }] }, ['ports[0].name']],
    ],
  },
  NetworkSet: {
    accepted: [{}, { nets: ['10.0.0.0/8', '10.0.0.1', 'fd00::/8'] }],
    refused: [
      [{ nets: ['10.0.0.1/8'] }, ['nets[0]']],
      [{ nets: ['', 'x'] }, ['nets[0]', 'nets[1]']],
    ],
  },
  Profile: {
    accepted: [{ labelsToApply: { 'a.b/c': '' } }],
    refused: [
      [{ labelsToApply: { 'a/b/c': 'x' } }, ['labelsToApply["a/b/c"]']],
      [{ labelsToApply: { a: 'not ok' } }, ['labelsToApply.a']],
      [{ ingress: [{ action: 'Allow', destination: { ports: [1] } }] }, ['ingress[0].destination.ports[0]']],
    ],
  },
  Tier: {
    accepted: [{}, { order: 1000000, defaultAction: 'Deny' }],
    refused: [
      [{ order: 5 }, ['order']],
      [{ defaultAction: 'Pass' }, ['defaultAction']],
      [{ defaultAction: 'Allow' }, ['defaultAction', 'defaultAction']],
    ],
  },
  FelixConfiguration: {
    accepted: [
      {},
      {
        logSeverityScreen: 'WARNING',
        chainInsertMode: 'append',
        defaultEndpointToHostAction: 'RETURN',
        iptablesBackend: 'nft',
      },
      { kubeNodePortRanges: ['30000:32767', 80], externalNodesList: ['10.0.0.0/8'], natOutgoingAddress: '192.0.2.1' },
      {
        routeTableRange: { min: 1, max: 250 },
        healthTimeoutOverrides: [{ name: 'x', timeout: '5m' }],
        istioDSCPMark: 'AF11',
      },
      {
        bpfConntrackTimeouts: { tcpFinsSeen: 'Auto', udpTimeout: '60s' },
        bpfLogFilters: { all: 'x' },
        mtuIfacePattern: '^eth.*',
      },
    ],
    refused: [
      [{ nodeSelector: 'all()' }, ['nodeSelector']],
      [{ logSeverityFile: 'Loud' }, ['logSeverityFile']],
      [{ reportingInterval: 30 }, ['reportingInterval']],
      [{ kubeNodePortRanges: ['http'] }, ['kubeNodePortRanges[0]']],
      [{ kubeNodePortRanges: [1, 2, 3, 4, 5, 6, 7, 8] }, ['kubeNodePortRanges']],
      [{ externalNodesList: ['fd00::/8'] }, ['externalNodesList[0]']],
      [{ openstackRegion: 'Region/One' }, ['openstackRegion']],
      [{ openstackRegion: 'x'.repeat(47) }, ['openstackRegion']],
      [{ healthPort: 65536 }, ['healthPort']],
      [{ mtuIfacePattern: '(' }, ['mtuIfacePattern']],
      [{ routeTableRange: { min: 5, max: 2 } }, ['routeTableRange.max']],
      [{ routeTableRange: { min: 0, max: 251 } }, ['routeTableRange.min', 'routeTableRange.max']],
      [{ routeTableRanges: [{ min: 1, max: 65536 }] }, ['routeTableRanges']],
      [{ routeTableRange: { min: 1, max: 2 }, routeTableRanges: [{ min: 1, max: 2 }] }, ['routeTableRange']],
      [{ failsafeInboundHostPorts: [{ protocol: 'ICMP', port: 1 }] }, ['failsafeInboundHostPorts[0].protocol']],
      [{ failsafeInboundHostPorts: [{ port: 1, net: 'x' }] }, ['failsafeInboundHostPorts[0].net']],
      [{ prometheusMetricsHost: 'a b' }, ['prometheusMetricsHost']],
      [{ bpfConntrackTimeouts: { udpTimeout: 'soon' } }, ['bpfConntrackTimeouts.udpTimeout']],
      [{ istioDSCPMark: 64 }, ['istioDSCPMark']],
      [{ nftablesMode: 'On' }, ['nftablesMode']],
      [{ wireguardInterfaceName: 'a/b' }, ['wireguardInterfaceName']],
      [{ noSuchField: true }, ['noSuchField']],
    ],
  },
  ClusterInformation: {
    accepted: [{}, { datastoreReady: true }],
    refused: [[{ datastoreReady: 'yes' }, ['datastoreReady']]],
  },
  CalicoNodeStatus: {
    accepted: [{ node: 'n', updatePeriodSeconds: 10 }],
    refused: [
      [{ updatePeriodSeconds: 10 }, ['node']],
      [{ node: 'n' }, ['updatePeriodSeconds']],
      [{ node: 'n', updatePeriodSeconds: 86401 }, ['updatePeriodSeconds']],
      [{ node: 'n', updatePeriodSeconds: 1, classes: ['BGP', 'BGP', 'All'] }, ['classes[1]', 'classes[2]']],
    ],
  },
  IPAMConfiguration: {
    accepted: [{}, { maxBlocksPerHost: 1000000, ipCooldownSeconds: 1200, kubeVirtVMAddressPersistence: 'Enabled' }],
    refused: [
      [{ maxBlocksPerHost: 1000001 }, ['maxBlocksPerHost']],
      [{ ipCooldownSeconds: 1201 }, ['ipCooldownSeconds']],
      [{ strictAffinity: 1 }, ['strictAffinity']],
    ],
  },
  IPReservation: {
    accepted: [{ reservedCIDRs: ['10.0.0.1', '10.0.0.0/30'] }],
    refused: [[{ reservedCIDRs: ['10.0.0.1/30'] }, ['reservedCIDRs[0]']]],
  },
  BlockAffinity: {
    accepted: [{ state: 'pending', node: 'n', cidr: '10.0.0.0/26', type: 'virtual', deleted: false }],
    refused: [
      [{ state: 'pending', node: 'n', cidr: '10.0.0.0/26', deleted: true }, ['deleted']],
      [{ state: 'lost', node: '', cidr: '10.0.0.1/26' }, ['state', 'node', 'cidr']],
    ],
  },
  KubeControllersConfiguration: {
    accepted: [
      { controllers: {} },
      {
        prometheusMetricsPort: 0,
        controllers: { node: { hostEndpoint: { templates: [{ interfacePattern: 'eth.*' }] } } },
      },
    ],
    refused: [
      [{ prometheusMetricsPort: -1 }, ['prometheusMetricsPort']],
      [{ logSeverityScreen: 'Trace' }, ['logSeverityScreen']],
      [
        { controllers: { node: { syncLabels: 'yes', reconcilerPeriod: 'x' } } },
        ['controllers.node.syncLabels', 'controllers.node.reconcilerPeriod'],
      ],
      [
        {
          controllers: {
            node: {
              hostEndpoint: {
                templates: [{ interfacePattern: '(', interfaceCIDRs: ['x'], nodeSelector: 'y', labels: { 'a b': '' } }],
              },
            },
          },
        },
        [
          'controllers.node.hostEndpoint.templates[0].interfaceCIDRs[0]',
          'controllers.node.hostEndpoint.templates[0].interfacePattern',
          'controllers.node.hostEndpoint.templates[0].labels["a b"]',
          'controllers.node.hostEndpoint.templates[0].nodeSelector',
        ],
      ],
      [{ controllers: { loadBalancer: { assignIPs: 'None' } } }, ['controllers.loadBalancer.assignIPs']],
    ],
  },
};

describe.each(Object.entries(cases) as [Kind, Cases][])('%s', (kind, { accepted, refused }) => {
  it.each(accepted)('may be %j', (spec) => {
    expect(problemsOf(document(kind, spec))).toEqual([]);
  });

  it.each(refused)('must not be %j', (spec, paths) => {
    expect(problemPathsOf(document(kind, spec)).toSorted()).toEqual(paths.map((path) => `spec.${path}`).toSorted());
  });
});

describe('WorkloadEndpoint', () => {
  const endpoint = {
    orchestrator: 'cni',
    node: 'n1',
    containerID: 'abc',
    endpoint: 'eth0',
    interfaceName: 'cali1',
    ipNetworks: ['10.0.0.1/32'],
  };
  const problems = (changes: object, metadata: object = {}): readonly string[] =>
    problemPathsOf(document('WorkloadEndpoint', { ...endpoint, ...changes }, { name: 'n1-cni-abc-eth0', ...metadata }));

  it('takes its name from its spec', () => {
    const { metadata } = parseResource(document('WorkloadEndpoint', endpoint, { name: undefined }));
    expect(metadata.name).toBe('n1-cni-abc-eth0');
    expect(metadata.labels).toEqual({ 'projectcalico.org/namespace': 'prod', 'projectcalico.org/orchestrator': 'cni' });
    expect(problems({}, { name: 'n1-cni-abc-eth0' })).toEqual([]);
    expect(problems({}, { name: 'other' })).toEqual(['metadata.name']);
  });

  it.each([
    [{ ipNetworks: ['10.0.0.1', 'fd00::1/128'] }, []],
    [{ ipNATs: [{ internalIP: '10.0.0.1', externalIP: '192.0.2.1' }] }, []],
    [{ ports: [{ name: '', protocol: 'TCP', port: 80, hostPort: 8080 }] }, []],
    [{ qosControls: { ingressBandwidth: 1e15, dscp: 'EF' }, allowSpoofedSourcePrefixes: ['10.0.0.0/8'] }, []],
    [{ ipNetworks: ['10.0.0.0/24'] }, ['spec.ipNetworks[0]']],
    [{ ipNetworks: ['fd00::/64'] }, ['spec.ipNetworks[0]']],
    [{ ipNATs: [{ internalIP: '10.0.0.2', externalIP: '192.0.2.1' }] }, ['spec.ipNATs[0].internalIP']],
    [{ ipNATs: [{ internalIP: '10.0.0.1', externalIP: 'fd00::1' }] }, ['spec.ipNATs[0].externalIP']],
    [{ interfaceName: '' }, ['spec.interfaceName']],
    [{ interfaceName: 'x'.repeat(16) }, ['spec.interfaceName']],
    [{ mac: 'x' }, ['spec.mac']],
    [{ ipv4Gateway: 'fd00::1' }, ['spec.ipv4Gateway']],
    [{ ports: [{ name: '', protocol: 'TCP', port: 80 }] }, ['spec.ports[0].name']],
    [{ ports: [{ name: 'a', protocol: 'ICMP', port: 80 }] }, ['spec.ports[0].protocol']],
    [{ qosControls: { dscp: 64 } }, ['spec.qosControls.dscp']],
  ])('%j has problems at %j', (changes, paths) => {
    expect(problems(changes)).toEqual(paths);
  });

  it('must say what it is named from', () => {
    expect(problems({ containerID: undefined })).toEqual(['spec']);
    expect(problems({ node: undefined })).toContain('spec.node');
  });
});

describe('metadata', () => {
  it.each<[Kind, object, string[]]>([
    ['NetworkSet', { labels: { 'a/b': 'c', 'projectcalico.org/x': '' }, annotations: { 'UPPER/x': 'any \u2603' } }, []],
    ['NetworkSet', { name: '' }, ['metadata.name']],
    ['NetworkSet', { name: 'a'.repeat(254) }, ['metadata.name']],
    ['NetworkSet', { name: 'a_b' }, ['metadata.name']],
    ['NetworkSet', { labels: { '-a': 'b' } }, ['metadata.labels["-a"]']],
    ['NetworkSet', { labels: { a: 'x'.repeat(64) } }, ['metadata.labels.a']],
    [
      'NetworkSet',
      { labels: { 'projectcalico.org/namespace': 'x' } },
      ['metadata.labels["projectcalico.org/namespace"]'],
    ],
    ['NetworkSet', { annotations: { a: 'x'.repeat(256 * 1024) } }, ['metadata.annotations']],
    ['NetworkSet', { annotations: { 'a b': '' } }, ['metadata.annotations["a b"]']],
    ['NetworkSet', { uid: 5 }, ['metadata.uid']],
    ['NetworkSet', { unknown: 5 }, ['metadata.unknown']],
    ['ClusterInformation', { name: 'other' }, ['metadata.name']],
    ['Tier', { name: 'a.b' }, ['metadata.name']],
    ['Tier', { name: 'x'.repeat(64) }, ['metadata.name']],
  ])('of %s with %j has problems at %j', (kind, metadata, paths) => {
    expect(problemPathsOf(document(kind, {}, metadata))).toEqual(paths);
  });
});

describe('a document', () => {
  it.each([
    [null, ''],
    [[], ''],
    ['x', ''],
    [{}, 'kind'],
    [{ kind: 'Pod', apiVersion: 'v1' }, 'kind'],
    [{ kind: 'toString', apiVersion: 'projectcalico.org/v3' }, 'kind'],
    [{ kind: 'IPPool' }, 'apiVersion'],
    [{ kind: 'IPPool', apiVersion: 'projectcalico.org/v1' }, 'apiVersion'],
    [{ kind: 'GlobalNetworkSet', apiVersion: 'projectcalico.org/v3', metadata: 'x' }, 'metadata'],
    [
      { kind: 'GlobalNetworkSet', apiVersion: 'projectcalico.org/v3', metadata: { name: 'a' }, spec: {}, status: {} },
      'status',
    ],
  ])('%j is refused at %j', (input, path) => {
    expect(problemPathsOf(input)).toContain(path);
  });

  it('may have unknown fields where the caller allows it', () => {
    const input = document('GlobalNetworkSet', { nets: [], more: 1 });
    expect(parseResource(input, { strict: false }).spec).toEqual({ nets: [] });
  });
});
