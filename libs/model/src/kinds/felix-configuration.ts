import { cidr, ipv4, ipv6, netV4 } from '../checks/nets.ts';
import { logLevel } from '../checks/log-level.ts';
import {
  interfaceFilter,
  interfaceName,
  matches,
  maxLength,
  regularExpression,
  resourceName,
} from '../checks/names.ts';
import { selectorWithoutGlobal } from '../checks/selectors.ts';
import { list, map } from '../schema/containers.ts';
import { dscp, port, portMatchOf } from '../schema/numorstring.ts';
import { boolean, duration, int, oneOf, string, text } from '../schema/scalars.ts';
import { always, alwaysPrinted, optional, pointer, struct, type Report, type StructValue } from '../schema/struct.ts';
import { routePriority } from './bgp-configuration.ts';
import { defineKind, type ResourceOfDefinition } from './definition.ts';
import {
  anyCase,
  conntrackTimeouts,
  healthTimeoutOverride,
  keyValueList,
  logRate,
  port16,
  protoPort,
  routeTableRange,
  routeTableIdRange,
} from './felix-types.ts';
import type { ObjectMeta } from './object-meta.ts';

const prometheusHost = matches(/^[a-zA-Z0-9:._+-]{1,64}$/, 'must be a host name or address');

/** It becomes part of a store key, `region-<name>`, and of a Kubernetes label. */
const region = [matches(/^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/, 'must be an RFC 1123 label'), maxLength(63 - 17)];

const felixConfigurationFields = {
  nodeSelector: pointer(text(selectorWithoutGlobal)),
  useInternalDataplaneDriver: pointer(boolean),
  dataplaneDriver: optional(string),
  dataplaneWatchdogTimeout: pointer(duration),
  ipv6Support: pointer(boolean),
  routeRefreshInterval: pointer(duration),
  interfaceRefreshInterval: pointer(duration),
  iptablesRefreshInterval: pointer(duration),
  iptablesPostWriteCheckInterval: pointer(duration),
  iptablesLockProbeInterval: pointer(duration),
  featureDetectOverride: optional(text(keyValueList)),
  featureGates: optional(text(keyValueList)),
  ipsetsRefreshInterval: pointer(duration),
  maxIpsetSize: pointer(int()),
  iptablesBackend: pointer(text(anyCase('Legacy', 'NFT', 'Auto'))),
  xdpRefreshInterval: pointer(duration),
  netlinkTimeout: pointer(duration),
  metadataAddr: optional(string),
  metadataPort: pointer(port16),
  openstackRegion: optional(text(...region)),
  interfacePrefix: optional(string),
  interfaceExclude: optional(string),
  chainInsertMode: optional(text(anyCase('Insert', 'Append'))),
  defaultEndpointToHostAction: optional(text(anyCase('Drop', 'Return', 'Accept'))),
  iptablesFilterAllowAction: optional(text(anyCase('Accept', 'Return'))),
  iptablesMangleAllowAction: optional(text(anyCase('Accept', 'Return'))),
  iptablesFilterDenyAction: optional(text(anyCase('Drop', 'Reject'))),
  logPrefix: optional(string),
  logActionRateLimit: pointer(text(logRate)),
  logActionRateLimitBurst: pointer(int(0, 9999)),
  logFilePath: optional(string),
  logSeverityFile: optional(text(logLevel)),
  logSeverityScreen: optional(text(logLevel)),
  logSeveritySys: optional(text(logLevel)),
  logDebugFilenameRegex: optional(text(regularExpression)),
  ipipEnabled: pointer(boolean),
  ipipMTU: pointer(int()),
  vxlanEnabled: pointer(boolean),
  vxlanMTU: pointer(int()),
  vxlanMTUV6: pointer(int()),
  vxlanPort: pointer(int()),
  vxlanVNI: pointer(int()),
  allowVXLANPacketsFromWorkloads: pointer(boolean),
  allowIPIPPacketsFromWorkloads: pointer(boolean),
  reportingInterval: pointer(duration),
  reportingTTL: pointer(duration),
  endpointReportingEnabled: pointer(boolean),
  endpointReportingDelay: pointer(duration),
  endpointStatusPathPrefix: optional(string),
  iptablesMarkMask: pointer(int(0, 0xffff_ffff)),
  disableConntrackInvalidCheck: pointer(boolean),
  healthEnabled: pointer(boolean),
  healthHost: pointer(string),
  healthPort: pointer(port16),
  healthTimeoutOverrides: optional(list(healthTimeoutOverride)),
  prometheusMetricsEnabled: pointer(boolean),
  prometheusMetricsHost: optional(text(prometheusHost)),
  prometheusMetricsPort: pointer(port16),
  prometheusGoMetricsEnabled: pointer(boolean),
  prometheusProcessMetricsEnabled: pointer(boolean),
  prometheusWireGuardMetricsEnabled: pointer(boolean),
  prometheusMetricsCAFile: pointer(string),
  prometheusMetricsCertFile: pointer(string),
  prometheusMetricsKeyFile: pointer(string),
  prometheusMetricsClientAuth: pointer(
    oneOf('RequireAndVerifyClientCert', 'RequireAnyClientCert', 'VerifyClientCertIfGiven', 'NoClientCert'),
  ),
  failsafeInboundHostPorts: pointer(list(protoPort)),
  failsafeOutboundHostPorts: pointer(list(protoPort)),
  kubeNodePortRanges: pointer(list(port, { maxItems: 7 })),
  policySyncPathPrefix: optional(string),
  usageReportingEnabled: pointer(boolean),
  usageReportingInitialDelay: pointer(duration),
  usageReportingInterval: pointer(duration),
  natPortRange: pointer(port),
  natOutgoingAddress: optional(text(ipv4)),
  natOutgoingExclusions: pointer(oneOf('IPPoolsOnly', 'IPPoolsAndHostIPs')),
  deviceRouteSourceAddress: optional(text(ipv4)),
  deviceRouteSourceAddressIPv6: optional(text(ipv6)),
  deviceRouteProtocol: pointer(int()),
  removeExternalRoutes: pointer(boolean),
  programClusterRoutes: pointer(oneOf('Enabled', 'Disabled', 'EnabledIPIPOnly', 'EnabledNoEncapOnly')),
  ipForwarding: optional(oneOf('Enabled', 'Disabled')),
  externalNodesList: pointer(list(text(netV4))),
  debugMemoryProfilePath: optional(string),
  debugDisableLogDropping: pointer(boolean),
  debugSimulateCalcGraphHangAfter: pointer(duration),
  debugSimulateDataplaneHangAfter: pointer(duration),
  debugSimulateDataplaneApplyDelay: pointer(duration),
  debugHost: pointer(string),
  debugPort: pointer(port16),
  iptablesNATOutgoingInterfaceFilter: optional(text(interfaceFilter)),
  sidecarAccelerationEnabled: pointer(boolean),
  xdpEnabled: pointer(boolean),
  genericXDPEnabled: pointer(boolean),
  nftablesMode: pointer(oneOf('Enabled', 'Disabled', 'Auto'), { default: 'Auto' }),
  nftablesFlowTableOffload: pointer(oneOf('All', 'Disabled'), { default: 'Disabled' }),
  nftablesFlowTableDataIfacePattern: optional(text(regularExpression)),
  nftablesRefreshInterval: pointer(duration),
  nftablesFilterAllowAction: optional(text(anyCase('Accept', 'Return'))),
  nftablesMangleAllowAction: optional(text(anyCase('Accept', 'Return'))),
  nftablesFilterDenyAction: optional(text(anyCase('Drop', 'Reject'))),
  nftablesMarkMask: pointer(int(0, 0xffff_ffff)),
  bpfEnabled: pointer(boolean),
  bpfOverlayHostSourceIP: pointer(oneOf('TunnelAddress', 'HostAddress')),
  bpfDisableUnprivileged: pointer(boolean),
  bpfJITHardening: pointer(oneOf('Auto', 'Strict')),
  bpfLogLevel: alwaysPrinted(text(anyCase('Off', 'Info', 'Debug'))),
  bpfConntrackLogLevel: optional(text(anyCase('Off', 'Debug'))),
  bpfConntrackMode: pointer(oneOf('Auto', 'Userspace', 'BPFProgram')),
  bpfConntrackTimeouts: pointer(conntrackTimeouts),
  bpfIPFragTimeout: pointer(duration),
  bpfLogFilters: pointer(map(string)),
  bpfCTLBLogFilter: optional(string),
  bpfDataIfacePattern: optional(text(regularExpression)),
  bpfL3IfacePattern: optional(text(regularExpression)),
  bpfConnectTimeLoadBalancingEnabled: pointer(boolean),
  bpfConnectTimeLoadBalancing: pointer(oneOf('TCP', 'Enabled', 'Disabled')),
  bpfHostNetworkedNATWithoutCTLB: pointer(oneOf('Enabled', 'Disabled')),
  bpfExternalServiceMode: optional(text(anyCase('Tunnel', 'DSR'))),
  bpfDSROptoutCIDRs: pointer(list(text(cidr))),
  bpfExtToServiceConnmark: pointer(int()),
  bpfKubeProxyIptablesCleanupEnabled: pointer(boolean),
  bpfKubeProxyMinSyncPeriod: pointer(duration),
  bpfKubeProxyHealthzPort: pointer(int()),
  bpfPSNATPorts: pointer(port),
  bpfMapSizeNATFrontend: pointer(int()),
  bpfMapSizeNATBackend: pointer(int()),
  bpfMapSizeNATAffinity: pointer(int()),
  bpfMapSizeRoute: pointer(int()),
  bpfMapSizeConntrack: pointer(int()),
  bpfMapSizePerCpuConntrack: pointer(int()),
  bpfMapSizeConntrackScaling: optional(text(anyCase('Disabled', 'DoubleIfFull'))),
  bpfMapSizeConntrackCleanupQueue: pointer(int()),
  bpfMapSizeIPSets: pointer(int()),
  bpfMapSizeIfState: pointer(int()),
  bpfHostConntrackBypass: pointer(boolean),
  bpfIPFragmentReassemblyEnabled: pointer(boolean),
  bpfEnforceRPF: optional(text(anyCase('Disabled', 'Strict', 'Loose'))),
  bpfPolicyDebugEnabled: pointer(boolean),
  bpfForceTrackPacketsFromIfaces: pointer(list(text(interfaceFilter))),
  bpfDisableGROForIfaces: optional(text(regularExpression)),
  bpfExcludeCIDRsFromNAT: pointer(list(text(cidr))),
  bpfExportBufferSizeMB: pointer(int()),
  istioAmbientMode: pointer(oneOf('Enabled', 'Disabled')),
  istioDSCPMark: pointer(dscp),
  cgroupV2Path: optional(string),
  flowLogsPolicyEvaluationMode: pointer(oneOf('None', 'Continuous')),
  bpfRedirectToPeer: optional(text(anyCase('Enabled', 'Disabled', 'L2Only'))),
  bpfAttachType: pointer(oneOf('TC', 'TCX', 'Netkit')),
  flowLogsFlushInterval: pointer(duration),
  flowLogsCollectorDebugTrace: pointer(boolean),
  flowLogsGoldmaneServer: pointer(string),
  flowLogsLocalReporter: pointer(oneOf('Enabled', 'Disabled')),
  bpfProfiling: optional(text(anyCase('Enabled', 'Disabled'))),
  routeSource: optional(oneOf('WorkloadIPs', 'CalicoIPAM')),
  routeTableRanges: pointer(list(routeTableIdRange)),
  routeTableRange: pointer(routeTableRange),
  routeSyncDisabled: pointer(boolean),
  ipv4NormalRoutePriority: routePriority,
  ipv4ElevatedRoutePriority: routePriority,
  ipv6NormalRoutePriority: routePriority,
  ipv6ElevatedRoutePriority: routePriority,
  liveMigrationRouteConvergenceTime: pointer(duration),
  wireguardEnabled: pointer(boolean),
  wireguardEnabledV6: pointer(boolean),
  wireguardThreadingEnabled: pointer(boolean),
  wireguardListeningPort: pointer(int()),
  wireguardListeningPortV6: pointer(int()),
  wireguardRoutingRulePriority: pointer(int()),
  wireguardInterfaceName: optional(text(interfaceName)),
  wireguardInterfaceNameV6: optional(text(interfaceName)),
  wireguardMTU: pointer(int()),
  wireguardMTUV6: pointer(int()),
  wireguardHostEncryptionEnabled: pointer(boolean),
  wireguardKeepAlive: pointer(duration),
  awsSrcDstCheck: pointer(oneOf('DoNothing', 'Enable', 'Disable')),
  serviceLoopPrevention: optional(oneOf('Drop', 'Reject', 'Disabled')),
  workloadSourceSpoofing: optional(oneOf('Disabled', 'Any')),
  mtuIfacePattern: optional(text(regularExpression)),
  floatingIPs: pointer(oneOf('Enabled', 'Disabled')),
  localSubnetL2Reachability: pointer(oneOf('Disabled', 'PodsAndLoadBalancers')),
  localSubnetL2ReachabilityRefreshInterval: pointer(duration),
  windowsManageFirewallRules: pointer(oneOf('Enabled', 'Disabled')),
  goGCThreshold: pointer(int(-1)),
  goMemoryLimitMB: pointer(int(-1)),
  goMaxProcs: pointer(int(-1)),
  requireMTUFile: pointer(boolean),
  bpfMaglevMaxEndpointsPerService: pointer(int(1, 3000)),
  bpfMaglevMaxServices: pointer(int()),
};

export const felixConfiguration = defineKind({
  kind: 'FelixConfiguration',
  plural: 'felixconfigurations',
  shortNames: ['felixconfig', 'felixconfigs'],
  name: resourceName,
  body: { spec: always(struct('FelixConfigurationSpec', felixConfigurationFields)) },
  checks: [checkNodeSelector, checkNodePorts, checkRouteTables],
  onWrite: fillDefaults,
});

export type FelixConfiguration = ResourceOfDefinition<typeof felixConfiguration>;

type FelixSpec = StructValue<typeof felixConfigurationFields>;

interface FelixLike {
  readonly metadata: ObjectMeta;
  readonly spec: FelixSpec;
}

/** What Calico's client writes into every record; the old boolean decides the two newer fields. */
function fillDefaults<R extends { readonly spec: object }>(resource: R): R {
  const spec = resource.spec as FelixSpec;
  const legacy = spec.bpfConnectTimeLoadBalancingEnabled;
  const defaults =
    legacy === undefined
      ? {
          bpfConnectTimeLoadBalancing: spec.bpfConnectTimeLoadBalancing ?? 'TCP',
          bpfHostNetworkedNATWithoutCTLB: spec.bpfHostNetworkedNATWithoutCTLB ?? 'Enabled',
        }
      : {
          bpfConnectTimeLoadBalancing: legacy ? ('Enabled' as const) : ('Disabled' as const),
          bpfHostNetworkedNATWithoutCTLB: 'Disabled' as const,
        };
  return { ...resource, spec: { ...spec, ...defaults, floatingIPs: spec.floatingIPs ?? 'Disabled' } };
}

function checkNodeSelector({ metadata: { name }, spec }: FelixLike, report: Report): void {
  if (spec.nodeSelector !== undefined && (name === 'default' || name.startsWith('node.'))) {
    report(['spec', 'nodeSelector'], spec.nodeSelector, `is not possible in "${name}"`);
  }
}

function checkNodePorts({ spec }: FelixLike, report: Report): void {
  for (const [index, value] of (spec.kubeNodePortRanges ?? []).entries()) {
    if (portMatchOf(value).type === 'named')
      report(['spec', 'kubeNodePortRanges', index], value, 'must be a port number or range');
  }
}

const MAX_ROUTE_TABLES = 65_535;

function checkRouteTables({ spec: { routeTableRange, routeTableRanges } }: FelixLike, report: Report): void {
  if (routeTableRange !== undefined && routeTableRanges !== undefined) {
    report(['spec', 'routeTableRange'], routeTableRange, 'must not be set together with routeTableRanges');
  }
  const total = (routeTableRanges ?? []).reduce((sum, { min, max }) => sum + max - min + 1, 0);
  if (total > MAX_ROUTE_TABLES) {
    report(
      ['spec', 'routeTableRanges'],
      routeTableRanges,
      `must name at most ${MAX_ROUTE_TABLES} tables, not ${total}`,
    );
  }
}
