import { describe, expect, it } from 'vitest';
import { encodeResource, parseResource } from '../resource-codec.ts';
import { document } from '../testing/documents.ts';
import { describeFields, describeRules, specOf } from '../testing/rules.ts';

const felix = specOf('FelixConfiguration');
const ports: readonly [readonly unknown[], readonly unknown[]] = [
  [0, 1, 65535],
  [-1, 65536, '1'],
];
const mask: readonly [readonly unknown[], readonly unknown[]] = [
  [0xffff0000, 1],
  [-1, 0x1_0000_0000],
];
const priority: readonly [readonly unknown[], readonly unknown[]] = [
  [1, 2147483646],
  [0, 2147483647],
];
const switched: readonly [readonly unknown[], readonly unknown[]] = [
  ['Enabled', 'Disabled'],
  ['enabled?', true],
];
const logLevel: readonly [readonly unknown[], readonly unknown[]] = [
  ['Trace', 'Debug', 'Info', 'Warning', 'Error', 'Fatal', 'WARNING', 'trace', ''],
  ['Loud', 'None'],
];

describe('FelixConfiguration', () => {
  describe.each(['default', 'node.n1'])('called %s', (name) => {
    describeRules(specOf('FelixConfiguration', {}, { name }), {
      'has no nodeSelector': {
        accepts: [{}],
        refuses: [
          [{ nodeSelector: 'all()' }, ['nodeSelector']],
          [{ nodeSelector: '' }, ['nodeSelector']],
        ],
      },
    });
  });

  describeRules(specOf('FelixConfiguration', {}, { name: 'rack-1' }), {
    'of another name may select nodes': {
      accepts: [{ nodeSelector: "rack == '1'" }, {}],
      refuses: [
        [{ nodeSelector: 'rack' }, ['nodeSelector']],
        [{ nodeSelector: 'global()' }, ['nodeSelector']],
      ],
    },
  });

  describeRules(felix, {
    'at most 7 node port ranges, none of them names': {
      accepts: [{ kubeNodePortRanges: [1, 2, 3, 4, 5, 6, '30000:32767'] }, { kubeNodePortRanges: [] }],
      refuses: [
        [{ kubeNodePortRanges: [1, 2, 3, 4, 5, 6, 7, 8] }, ['kubeNodePortRanges']],
        [{ kubeNodePortRanges: ['http'] }, ['kubeNodePortRanges[0]']],
        [{ kubeNodePortRanges: [0] }, ['kubeNodePortRanges[0]']],
        [{ kubeNodePortRanges: ['9:1'] }, ['kubeNodePortRanges[0]']],
      ],
    },
    'externalNodesList is IPv4 only': {
      accepts: [{ externalNodesList: ['10.0.0.0/8', '192.0.2.1'] }],
      refuses: [
        [{ externalNodesList: ['10.0.0.0/8', 'fd00::/8'] }, ['externalNodesList[1]']],
        [{ externalNodesList: ['x'] }, ['externalNodesList[0]']],
      ],
    },
    'openstackRegion is a DNS label of at most 46 characters': {
      accepts: [{ openstackRegion: 'region-1' }, { openstackRegion: 'x'.repeat(46) }, { openstackRegion: '' }],
      refuses: [
        [{ openstackRegion: 'x'.repeat(47) }, ['openstackRegion']],
        [{ openstackRegion: 'Region' }, ['openstackRegion']],
        [{ openstackRegion: 'a/b' }, ['openstackRegion']],
        [{ openstackRegion: 'a.b' }, ['openstackRegion']],
      ],
    },
    'routeTableRange lies within 1 to 250': {
      accepts: [{ routeTableRange: { min: 1, max: 250 } }, { routeTableRange: { min: 5, max: 5 } }],
      refuses: [
        [{ routeTableRange: { min: 5, max: 2 } }, ['routeTableRange.max']],
        [{ routeTableRange: { min: 0, max: 10 } }, ['routeTableRange.min']],
        [{ routeTableRange: { min: 1, max: 251 } }, ['routeTableRange.max']],
      ],
    },
    'routeTableRanges lie within 1 to 2^32 - 1': {
      accepts: [
        {
          routeTableRanges: [
            { min: 1, max: 250 },
            { min: 4294967295, max: 4294967295 },
          ],
        },
        { routeTableRanges: [{ min: 250, max: 260 }] },
      ],
      refuses: [
        [{ routeTableRanges: [{ min: 0, max: 5 }] }, ['routeTableRanges[0].min']],
        [{ routeTableRanges: [{ min: 9, max: 5 }] }, ['routeTableRanges[0].max']],
        [{ routeTableRanges: [{ min: 4294967295, max: 4294967296 }] }, ['routeTableRanges[0].max']],
      ],
    },
    'routeTableRanges name at most 65535 tables': {
      accepts: [{ routeTableRanges: [{ min: 1, max: 65535 }] }],
      refuses: [
        [{ routeTableRanges: [{ min: 1, max: 65536 }] }, ['routeTableRanges']],
        [
          {
            routeTableRanges: [
              { min: 1, max: 65535 },
              { min: 70000, max: 70000 },
            ],
          },
          ['routeTableRanges'],
        ],
      ],
    },
    'routeTableRange excludes routeTableRanges': {
      accepts: [{ routeTableRange: { min: 1, max: 2 } }],
      refuses: [[{ routeTableRange: { min: 1, max: 2 }, routeTableRanges: [{ min: 1, max: 2 }] }, ['routeTableRange']]],
    },
    'a failsafe port has a protocol': {
      accepts: [
        {
          failsafeInboundHostPorts: [
            { protocol: 'TCP', port: 22 },
            { protocol: 'udp', port: 53, net: '10.0.0.0/8' },
          ],
        },
        { failsafeOutboundHostPorts: [] },
      ],
      refuses: [
        [{ failsafeInboundHostPorts: [{ port: 22 }] }, ['failsafeInboundHostPorts[0].protocol']],
        [{ failsafeOutboundHostPorts: [{ protocol: 'ICMP', port: 22 }] }, ['failsafeOutboundHostPorts[0].protocol']],
        [
          { failsafeOutboundHostPorts: [{ protocol: 'SCTP', port: 22, net: 'x' }] },
          ['failsafeOutboundHostPorts[0].net'],
        ],
        [{ failsafeOutboundHostPorts: [{ protocol: 'SCTP', port: 65536 }] }, ['failsafeOutboundHostPorts[0].port']],
      ],
    },
    'a health timeout has a name': {
      accepts: [{ healthTimeoutOverrides: [{ name: 'x', timeout: '5m' }] }],
      refuses: [
        [{ healthTimeoutOverrides: [{ timeout: '5m' }] }, ['healthTimeoutOverrides[0].name']],
        [{ healthTimeoutOverrides: [{ name: 'x', timeout: 5 }] }, ['healthTimeoutOverrides[0].timeout']],
      ],
    },
    'unknown fields are refused': { accepts: [{}], refuses: [[{ noSuchField: true }, ['noSuchField']]] },
  });

  describeFields(felix, {
    logSeverityScreen: logLevel,
    logSeverityFile: logLevel,
    logSeveritySys: logLevel,
    healthPort: ports,
    metadataPort: ports,
    prometheusMetricsPort: ports,
    debugPort: ports,
    iptablesMarkMask: mask,
    nftablesMarkMask: mask,
    ipv4NormalRoutePriority: priority,
    ipv4ElevatedRoutePriority: priority,
    ipv6NormalRoutePriority: priority,
    ipv6ElevatedRoutePriority: priority,
    ipForwarding: switched,
    istioAmbientMode: switched,
    flowLogsLocalReporter: switched,
    floatingIPs: switched,
    windowsManageFirewallRules: switched,
    bpfHostNetworkedNATWithoutCTLB: switched,
    bpfProfiling: switched,
    prometheusMetricsHost: [
      ['localhost', '::1', 'x'.repeat(64), 'a_b'.replace('_', '-')],
      ['a b', 'x'.repeat(65), 'a/b'],
    ],
    prometheusMetricsClientAuth: [
      ['RequireAndVerifyClientCert', 'RequireAnyClientCert', 'VerifyClientCertIfGiven', 'NoClientCert'],
      ['Never'],
    ],
    iptablesNATOutgoingInterfaceFilter: [
      ['eth0', 'eth+', 'a:b', ''],
      ['sixteen-letters-', 'eth*', 'a b'],
    ],
    bpfForceTrackPacketsFromIfaces: [
      [['docker+'], []],
      [['a b'], 'docker+'],
    ],
    wireguardInterfaceName: [
      ['wireguard.cali', ''],
      ['a/b', 'sixteen-letters-'],
    ],
    wireguardInterfaceNameV6: [['wg-v6.cali'], ['a b']],
    iptablesBackend: [['Legacy', 'NFT', 'Auto', 'nft', ''], ['Ebpf']],
    chainInsertMode: [['Insert', 'Append', 'append'], ['Replace']],
    defaultEndpointToHostAction: [['Drop', 'Return', 'Accept', 'RETURN'], ['Reject']],
    iptablesFilterAllowAction: [['Accept', 'Return'], ['Drop']],
    iptablesMangleAllowAction: [['Accept', 'Return'], ['Drop']],
    iptablesFilterDenyAction: [['Drop', 'Reject'], ['Accept']],
    nftablesFilterAllowAction: [['Accept', 'Return'], ['Drop']],
    nftablesMangleAllowAction: [['Accept', 'Return'], ['Drop']],
    nftablesFilterDenyAction: [['Drop', 'Reject'], ['Accept']],
    nftablesMode: [
      ['Enabled', 'Disabled', 'Auto'],
      ['On', 'auto'],
    ],
    nftablesFlowTableOffload: [['All', 'Disabled'], ['Some']],
    natOutgoingAddress: [
      ['192.0.2.1', ''],
      ['fd00::1', 'x'],
    ],
    natOutgoingExclusions: [['IPPoolsOnly', 'IPPoolsAndHostIPs'], ['None']],
    natPortRange: [
      ['32768:65535', 99],
      ['9:1', 'a b'],
    ],
    bpfPSNATPorts: [
      ['20000:29999', 99],
      ['9:1', 65536],
    ],
    deviceRouteSourceAddress: [['192.0.2.1'], ['fd00::1']],
    deviceRouteSourceAddressIPv6: [['fd00::1'], ['192.0.2.1']],
    programClusterRoutes: [['Enabled', 'Disabled', 'EnabledIPIPOnly', 'EnabledNoEncapOnly'], ['On']],
    logActionRateLimit: [
      ['10/second', '1/minute', '5/hour', '6/day'],
      ['10', '0/second', '5/week'],
    ],
    logActionRateLimitBurst: [
      [0, 9999],
      [-1, 10000],
    ],
    featureDetectOverride: [
      ['ChecksumOffloadBroken=true,B=false', 'A=', 'A=x,', ''],
      ['A', 'A=1,B'],
    ],
    featureGates: [
      ['BPFConnectTimeLoadBalancingWorkaround=enabled', ''],
      ['x', '=x'],
    ],
    logDebugFilenameRegex: [['.*\\.go'], ['(']],
    mtuIfacePattern: [['^eth.*'], ['(']],
    bpfDataIfacePattern: [['^eth.*'], ['(']],
    bpfL3IfacePattern: [['^tun'], ['[']],
    bpfDisableGROForIfaces: [['eth.*'], ['(']],
    nftablesFlowTableDataIfacePattern: [['eth.*'], ['(']],
    bpfLogLevel: [['Off', 'Info', 'Debug', 'debug', ''], ['Trace']],
    bpfConntrackLogLevel: [['Off', 'Debug'], ['Info']],
    bpfConntrackMode: [['Auto', 'Userspace', 'BPFProgram'], ['Kernel']],
    bpfConntrackTimeouts: [
      [{ tcpFinsSeen: 'Auto', udpTimeout: '60s', tcpEstablished: '1h30m' }],
      [{ udpTimeout: 'soon' }, { tcpSynSent: 5 }, { other: '5s' }],
    ],
    bpfLogFilters: [[{ all: 'x', eth0: 'tcp' }], [{ all: 1 }, 'x']],
    bpfOverlayHostSourceIP: [['TunnelAddress', 'HostAddress'], ['Any']],
    bpfJITHardening: [['Auto', 'Strict'], ['Off']],
    bpfConnectTimeLoadBalancing: [['TCP', 'Enabled', 'Disabled'], ['UDP']],
    bpfExternalServiceMode: [['Tunnel', 'DSR', 'dsr'], ['NAT']],
    bpfDSROptoutCIDRs: [[['10.0.0.0/8', '10.0.0.1/8', 'fd00::1']], [['x']]],
    bpfExcludeCIDRsFromNAT: [[['10.0.0.0/8']], [['x']]],
    bpfMapSizeConntrackScaling: [['Disabled', 'DoubleIfFull'], ['Always']],
    bpfEnforceRPF: [['Disabled', 'Strict', 'Loose'], ['Maybe']],
    bpfRedirectToPeer: [['Enabled', 'Disabled', 'L2Only'], ['L3']],
    bpfAttachType: [['TC', 'TCX', 'Netkit'], ['XDP']],
    bpfMaglevMaxEndpointsPerService: [
      [1, 3000],
      [0, 3001],
    ],
    bpfMaglevMaxServices: [
      [1, 3000],
      [0, 3001],
    ],
    istioDSCPMark: [
      [0, 63, 'AF11'],
      [64, 'ZZ'],
    ],
    flowLogsPolicyEvaluationMode: [['None', 'Continuous'], ['Once']],
    routeSource: [['WorkloadIPs', 'CalicoIPAM', ''], ['BGP']],
    awsSrcDstCheck: [['DoNothing', 'Enable', 'Disable'], ['Enabled']],
    serviceLoopPrevention: [['Drop', 'Reject', 'Disabled'], ['Allow']],
    workloadSourceSpoofing: [['Disabled', 'Any'], ['Some']],
    localSubnetL2Reachability: [['Disabled', 'PodsAndLoadBalancers'], ['All']],
    goGCThreshold: [[-1, 40], [-2]],
    goMemoryLimitMB: [[-1, 1024], [-2]],
    goMaxProcs: [[-1, 4], [-2]],
    reportingInterval: [
      ['30s', '0', '1m30s'],
      [30, '30', ''],
    ],
    vxlanPort: [[4789], ['4789', 1.5]],
    ipipEnabled: [
      [true, false, null],
      ['true', 1],
    ],
  });

  it('is stored with the defaults of client and CRD', () => {
    expect(parseResource(document('FelixConfiguration', {})).spec).toEqual({
      floatingIPs: 'Disabled',
      bpfConnectTimeLoadBalancing: 'TCP',
      bpfHostNetworkedNATWithoutCTLB: 'Enabled',
      nftablesMode: 'Auto',
      nftablesFlowTableOffload: 'Disabled',
    });
  });

  it.each([
    [true, 'Enabled'],
    [false, 'Disabled'],
  ])('lets the old load balancing switch, %s, decide the newer fields', (bpfConnectTimeLoadBalancingEnabled, mode) => {
    const input = {
      bpfConnectTimeLoadBalancingEnabled,
      bpfConnectTimeLoadBalancing: 'TCP',
      bpfHostNetworkedNATWithoutCTLB: 'Enabled',
    };
    expect(parseResource(document('FelixConfiguration', input)).spec).toMatchObject({
      bpfConnectTimeLoadBalancing: mode,
      bpfHostNetworkedNATWithoutCTLB: 'Disabled',
    });
  });

  it('keeps what the user chose', () => {
    const input = {
      floatingIPs: 'Enabled',
      bpfConnectTimeLoadBalancing: 'Disabled',
      bpfHostNetworkedNATWithoutCTLB: 'Disabled',
      nftablesMode: 'Disabled',
    };
    expect(parseResource(document('FelixConfiguration', input)).spec).toMatchObject(input);
  });

  it('always prints bpfLogLevel, and durations as Go does', () => {
    const stored = encodeResource(
      parseResource(document('FelixConfiguration', { reportingInterval: '90s', vxlanEnabled: false })),
    );
    expect(stored).toContain('"bpfLogLevel":""');
    expect(stored).toContain('"vxlanEnabled":false,"reportingInterval":"1m30s"');
  });
});
