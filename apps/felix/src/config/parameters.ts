import { parseIp, type Cidr } from '@calico-node/net';
import { ebpfParameters } from './idle/ebpf.ts';
import { networkParameters } from './idle/network.ts';
import { processParameters } from './idle/process.ts';
import {
  defaultInboundPorts,
  defaultOutboundPorts,
  failsafePorts,
  inboundPorts,
  outboundPorts,
} from './failsafe-ports.ts';
import {
  address,
  bool,
  int,
  interfaceList,
  mac,
  markMask,
  oneOf,
  portRange,
  rate,
  regexp,
  seconds,
  text,
  textOf,
} from './parameter-type.ts';
import { severity } from './log-level.ts';
import { parameter, type Parameter } from './parameter.ts';
import {
  authority,
  cidrList,
  dscp,
  durations,
  endpoints,
  hostAddress,
  interfacePattern,
  interfacePatterns,
  optionalBool,
  portRanges,
  region,
  switches,
  tableRange,
  tableRanges,
} from './text-types.ts';

export type { Parameter } from './parameter.ts';

const noCidrs: readonly Cidr[] = [];

/**
 * Felix's parameters by Calico's names: the environment's are `FELIX_` and the name in capitals, the file's the name.
 * Types and defaults are those of Calico 3.32. Those that have no effect here are in `idle/`, with the reason.
 */
export const parameters = {
  FelixHostname: parameter(text, ''),
  DatastoreType: parameter(oneOf('kubernetes', 'etcdv3'), 'etcdv3', undefined, { nonZero: true, fatal: true }),
  EtcdAddr: parameter(authority, '127.0.0.1:2379'),
  EtcdScheme: parameter(oneOf('http', 'https'), 'http'),
  EtcdKeyFile: parameter(text, ''),
  EtcdCertFile: parameter(text, ''),
  EtcdCaFile: parameter(text, ''),
  EtcdEndpoints: parameter(endpoints, ''),
  InterfacePrefix: parameter(interfaceList, ['cali'], 'interfacePrefix', { nonZero: true, fatal: true }),
  InterfaceExclude: parameter(interfacePatterns, 'kube-ipvs0', 'interfaceExclude'),
  InterfaceRefreshInterval: parameter(seconds, 90, 'interfaceRefreshInterval'),
  Ipv6Support: parameter(bool, true, 'ipv6Support'),
  IPForwarding: parameter(oneOf('Enabled', 'Disabled'), 'Enabled', 'ipForwarding'),

  DefaultEndpointToHostAction: parameter(oneOf('DROP', 'RETURN', 'ACCEPT'), 'DROP', 'defaultEndpointToHostAction', {
    nonZero: true,
    fatal: true,
  }),
  NftablesFilterAllowAction: parameter(oneOf('ACCEPT', 'RETURN'), 'ACCEPT', 'nftablesFilterAllowAction', {
    nonZero: true,
    fatal: true,
  }),
  NftablesMangleAllowAction: parameter(oneOf('ACCEPT', 'RETURN'), 'ACCEPT', 'nftablesMangleAllowAction', {
    nonZero: true,
    fatal: true,
  }),
  FailsafeInboundHostPorts: parameter(failsafePorts, defaultInboundPorts, 'failsafeInboundHostPorts', { fatal: true }),
  FailsafeOutboundHostPorts: parameter(failsafePorts, defaultOutboundPorts, 'failsafeOutboundHostPorts', {
    fatal: true,
  }),
  ServiceLoopPrevention: parameter(oneOf('Drop', 'Reject', 'Disabled'), 'Drop', 'serviceLoopPrevention'),
  NftablesFilterDenyAction: parameter(oneOf('DROP', 'REJECT'), 'DROP', 'nftablesFilterDenyAction', {
    nonZero: true,
    fatal: true,
  }),
  NFTablesMode: parameter(oneOf('Enabled', 'Disabled', 'Auto'), 'Auto', 'nftablesMode'),
  NFTablesFlowTableOffload: parameter(oneOf('All', 'Disabled'), 'Disabled', 'nftablesFlowTableOffload'),
  NFTablesFlowTableDataIfacePattern: parameter(regexp, regexp.zero, 'nftablesFlowTableDataIfacePattern'),
  NftablesMarkMask: parameter(markMask, 0xffff0000, 'nftablesMarkMask', { nonZero: true, fatal: true }),
  NftablesRefreshInterval: parameter(seconds, 180, 'nftablesRefreshInterval'),
  IptablesBackend: parameter(oneOf('auto', 'legacy', 'nft'), 'auto', 'iptablesBackend'),
  ChainInsertMode: parameter(oneOf('insert', 'append'), 'insert', 'chainInsertMode', { nonZero: true, fatal: true }),
  IptablesFilterAllowAction: parameter(oneOf('ACCEPT', 'RETURN'), 'ACCEPT', 'iptablesFilterAllowAction', {
    nonZero: true,
    fatal: true,
  }),
  IptablesMangleAllowAction: parameter(oneOf('ACCEPT', 'RETURN'), 'ACCEPT', 'iptablesMangleAllowAction', {
    nonZero: true,
    fatal: true,
  }),
  IptablesFilterDenyAction: parameter(oneOf('DROP', 'REJECT'), 'DROP', 'iptablesFilterDenyAction', {
    nonZero: true,
    fatal: true,
  }),
  IptablesMarkMask: parameter(markMask, 0xffff0000, 'iptablesMarkMask', { nonZero: true, fatal: true }),
  IptablesRefreshInterval: parameter(seconds, 180, 'iptablesRefreshInterval'),
  IptablesPostWriteCheckIntervalSecs: parameter(seconds, 5, 'iptablesPostWriteCheckInterval'),
  IpsetsRefreshInterval: parameter(seconds, 90, 'ipsetsRefreshInterval'),
  FeatureDetectOverride: parameter(switches, '', 'featureDetectOverride'),
  MaxIpsetSize: parameter(int(1, 0xffffffff), 1048576, 'maxIpsetSize', { nonZero: true }),
  DisableConntrackInvalidCheck: parameter(bool, false, 'disableConntrackInvalidCheck'),
  WorkloadSourceSpoofing: parameter(oneOf('Disabled', 'Any'), 'Disabled', 'workloadSourceSpoofing'),
  VXLANPort: parameter(int(1, 65535), 4789, 'vxlanPort'),
  VXLANVNI: parameter(int(0, 0xffffff), 4096, 'vxlanVNI'),
  VXLANMTU: parameter(int(0, 65535), 0, 'vxlanMTU'),
  VXLANMTUV6: parameter(int(0, 65535), 0, 'vxlanMTUV6'),
  VXLANEnabled: parameter(optionalBool, undefined, 'vxlanEnabled'),
  IPv4VXLANTunnelAddr: parameter(address(4), undefined),
  IPv6VXLANTunnelAddr: parameter(address(6), undefined),
  VXLANTunnelMACAddr: parameter(mac, undefined),
  VXLANTunnelMACAddrV6: parameter(mac, undefined),
  ExternalNodesCIDRList: parameter(cidrList, noCidrs, 'externalNodesList', { fatal: true }),
  WireguardEnabled: parameter(bool, false, 'wireguardEnabled'),
  WireguardEnabledV6: parameter(bool, false, 'wireguardEnabledV6'),
  WireguardListeningPort: parameter(int(0, 65535), 51820, 'wireguardListeningPort'),
  WireguardListeningPortV6: parameter(int(0, 65535), 51821, 'wireguardListeningPortV6'),
  WireguardRoutingRulePriority: parameter(int(0, 0xffffffff), 99, 'wireguardRoutingRulePriority'),
  WireguardInterfaceName: parameter(interfacePattern, 'wireguard.cali', 'wireguardInterfaceName', { nonZero: true }),
  WireguardInterfaceNameV6: parameter(interfacePattern, 'wg-v6.cali', 'wireguardInterfaceNameV6', { nonZero: true }),
  WireguardMTU: parameter(int(0, 65535), 0, 'wireguardMTU'),
  WireguardMTUV6: parameter(int(0, 65535), 0, 'wireguardMTUV6'),
  WireguardHostEncryptionEnabled: parameter(bool, false, 'wireguardHostEncryptionEnabled'),
  WireguardPersistentKeepAlive: parameter(seconds, 0, 'wireguardKeepAlive'),
  WireguardThreadingEnabled: parameter(bool, false, 'wireguardThreadingEnabled'),
  RouteTableRange: parameter(tableRange, '', 'routeTableRange', { fatal: true }),
  RouteTableRanges: parameter(tableRanges, '', 'routeTableRanges', { fatal: true }),
  PrometheusWireGuardMetricsEnabled: parameter(bool, true, 'prometheusWireGuardMetricsEnabled'),
  IpInIpEnabled: parameter(optionalBool, undefined, 'ipipEnabled'),
  IpInIpTunnelAddr: parameter(address(4), undefined),
  ProgramClusterRoutes: parameter(
    oneOf('Enabled', 'Disabled', 'EnabledIPIPOnly', 'EnabledNoEncapOnly'),
    'Disabled',
    'programClusterRoutes',
  ),
  IpInIpMtu: parameter(int(0, 65535), 0, 'ipipMTU'),
  MTUIfacePattern: parameter(regexp, /^((en|wl|ww|sl|ib)[Pcopsvx].*|(eth|wlan|wwan).*)/, 'mtuIfacePattern'),
  RequireMTUFile: parameter(bool, false, 'requireMTUFile'),
  AllowVXLANPacketsFromWorkloads: parameter(bool, false, 'allowVXLANPacketsFromWorkloads'),
  AllowIPIPPacketsFromWorkloads: parameter(bool, false, 'allowIPIPPacketsFromWorkloads'),
  LogPrefix: parameter(text, 'calico-packet', 'logPrefix'),
  LogActionRateLimit: parameter(rate, undefined, 'logActionRateLimit'),
  LogActionRateLimitBurst: parameter(int(0, 9999), 5, 'logActionRateLimitBurst'),
  FloatingIPs: parameter(oneOf('Enabled', 'Disabled'), 'Disabled', 'floatingIPs'),
  NATOutgoingExclusions: parameter(oneOf('IPPoolsOnly', 'IPPoolsAndHostIPs'), 'IPPoolsOnly', 'natOutgoingExclusions'),
  NATOutgoingAddress: parameter(address(4), undefined, 'natOutgoingAddress'),
  NATPortRange: parameter(portRange, undefined, 'natPortRange'),
  KubeNodePortRanges: parameter(portRanges, [{ first: 30000, last: 32767 }], 'kubeNodePortRanges'),
  IptablesNATOutgoingInterfaceFilter: parameter(interfacePattern, '', 'iptablesNATOutgoingInterfaceFilter'),

  DeviceRouteProtocol: parameter(int(0, 255), 3, 'deviceRouteProtocol'),
  DeviceRouteSourceAddress: parameter(address(4), undefined, 'deviceRouteSourceAddress'),
  DeviceRouteSourceAddressIPv6: parameter(address(6), undefined, 'deviceRouteSourceAddressIPv6'),
  IPv4NormalRoutePriority: parameter(int(1, 2147483646), 1024, 'ipv4NormalRoutePriority'),
  IPv6NormalRoutePriority: parameter(int(1, 2147483646), 1024, 'ipv6NormalRoutePriority'),
  RemoveExternalRoutes: parameter(bool, true, 'removeExternalRoutes'),
  LocalSubnetL2Reachability: parameter(
    oneOf('Disabled', 'PodsAndLoadBalancers'),
    'Disabled',
    'localSubnetL2Reachability',
  ),
  LocalSubnetL2ReachabilityRefreshInterval: parameter(seconds, 120, 'localSubnetL2ReachabilityRefreshInterval'),
  RouteSyncDisabled: parameter(bool, false, 'routeSyncDisabled'),
  RouteSource: parameter(oneOf('WorkloadIPs', 'CalicoIPAM'), 'CalicoIPAM', 'routeSource'),
  IPv4ElevatedRoutePriority: parameter(int(1, 2147483646), 512, 'ipv4ElevatedRoutePriority'),
  IPv6ElevatedRoutePriority: parameter(int(1, 2147483646), 512, 'ipv6ElevatedRoutePriority'),
  LiveMigrationRouteConvergenceTime: parameter(seconds, 30, 'liveMigrationRouteConvergenceTime'),
  RouteRefreshInterval: parameter(seconds, 90, 'routeRefreshInterval'),

  XDPEnabled: parameter(bool, true, 'xdpEnabled'),
  GenericXDPEnabled: parameter(bool, false, 'genericXDPEnabled'),
  XDPRefreshInterval: parameter(seconds, 90, 'xdpRefreshInterval'),

  EndpointReportingEnabled: parameter(bool, false, 'endpointReportingEnabled'),
  EndpointReportingDelaySecs: parameter(seconds, 1, 'endpointReportingDelay'),
  PolicySyncPathPrefix: parameter(text, '', 'policySyncPathPrefix'),
  EndpointStatusPathPrefix: parameter(text, '/var/run/calico', 'endpointStatusPathPrefix'),
  ReportingIntervalSecs: parameter(seconds, 30, 'reportingInterval'),
  ReportingTTLSecs: parameter(seconds, 90, 'reportingTTL'),
  ClusterType: parameter(text, ''),
  MetadataAddr: parameter(address(4), parseIp('127.0.0.1'), 'metadataAddr', { fatal: true }),
  MetadataPort: parameter(int(0, 65535), 8775, 'metadataPort', { fatal: true }),
  AWSSrcDstCheck: parameter(oneOf('DoNothing', 'Enable', 'Disable'), 'DoNothing', 'awsSrcDstCheck', { nonZero: true }),
  OpenstackRegion: parameter(region, '', 'openstackRegion', { fatal: true }),

  LogSeverityScreen: parameter(severity, 'INFO', 'logSeverityScreen', { live: true }),
  LogFilePath: parameter(text, '/var/log/calico/felix.log', 'logFilePath', { fatal: true }),
  LogSeverityFile: parameter(severity, 'INFO', 'logSeverityFile'),
  LogSeveritySys: parameter(severity, 'INFO', 'logSeveritySys'),
  HealthEnabled: parameter(bool, false, 'healthEnabled'),
  HealthHost: parameter(text, 'localhost', 'healthHost'),
  HealthPort: parameter(int(0, 65535), 9099, 'healthPort'),
  HealthTimeoutOverrides: parameter(durations, '', 'healthTimeoutOverrides', { live: true }),
  DataplaneWatchdogTimeout: parameter(seconds, 90, 'dataplaneWatchdogTimeout'),
  IstioAmbientMode: parameter(oneOf('Disabled', 'Enabled'), 'Disabled', 'istioAmbientMode'),
  IstioDSCPMark: parameter(dscp, 23, 'istioDSCPMark'),
  FlowLogsGoldmaneServer: parameter(text, '', 'flowLogsGoldmaneServer'),
  FlowLogsLocalReporter: parameter(oneOf('Enabled', 'Disabled'), 'Disabled', 'flowLogsLocalReporter'),
  FlowLogsFlushInterval: parameter(seconds, 300, 'flowLogsFlushInterval'),
  FlowLogsPolicyEvaluationMode: parameter(oneOf('None', 'Continuous'), 'Continuous', 'flowLogsPolicyEvaluationMode'),
  FlowLogsCollectorDebugTrace: parameter(bool, false, 'flowLogsCollectorDebugTrace'),
  TyphaCAFile: parameter(text, ''),
  TyphaCertFile: parameter(text, ''),
  TyphaKeyFile: parameter(text, ''),
  PrometheusMetricsEnabled: parameter(bool, false, 'prometheusMetricsEnabled'),
  PrometheusMetricsHost: parameter(text, '', 'prometheusMetricsHost'),
  PrometheusMetricsPort: parameter(int(0, 65535), 9091, 'prometheusMetricsPort'),
  PrometheusMetricsCAFile: parameter(text, '', 'prometheusMetricsCAFile'),
  PrometheusMetricsCertFile: parameter(text, '', 'prometheusMetricsCertFile'),
  PrometheusMetricsKeyFile: parameter(text, '', 'prometheusMetricsKeyFile'),
  PrometheusMetricsClientAuth: parameter(
    oneOf('RequireAndVerifyClientCert', 'RequireAnyClientCert', 'VerifyClientCertIfGiven', 'NoClientCert'),
    'NoClientCert',
    'prometheusMetricsClientAuth',
  ),
  PrometheusGoMetricsEnabled: parameter(bool, true, 'prometheusGoMetricsEnabled'),
  PrometheusProcessMetricsEnabled: parameter(bool, true, 'prometheusProcessMetricsEnabled'),

  DebugCPUProfilePath: parameter(text, '/tmp/felix-cpu-<timestamp>.pprof'),
  DebugDisableLogDropping: parameter(bool, false, 'debugDisableLogDropping'),
  DebugHost: parameter(hostAddress, 'localhost', 'debugHost'),
  DebugMemoryProfilePath: parameter(text, '', 'debugMemoryProfilePath'),
  DebugPort: parameter(int(0, 65535), 0, 'debugPort'),
  DebugPanicAfter: parameter(seconds, 0),
  DebugSimulateCalcGraphHangAfter: parameter(seconds, 0, 'debugSimulateCalcGraphHangAfter'),
  DebugSimulateDataplaneApplyDelay: parameter(seconds, 0, 'debugSimulateDataplaneApplyDelay'),
  DebugSimulateDataplaneHangAfter: parameter(seconds, 0, 'debugSimulateDataplaneHangAfter'),

  ...networkParameters,
  ...ebpfParameters,
  ...processParameters,
} as const satisfies Readonly<Record<string, Parameter<never> | Parameter<unknown>>>;

export type ParameterName = keyof typeof parameters;

/** A value for every parameter. */
export type FelixParameters = {
  readonly [N in ParameterName]: (typeof parameters)[N] extends Parameter<infer T> ? T : never;
};

export const parameterNames = Object.keys(parameters) as readonly ParameterName[];

/** A parameter's default, as text that its type reads; empty where there is none. */
export function defaultText(name: ParameterName): string {
  const { default: value }: Parameter<unknown> = parameters[name];
  if (value === defaultInboundPorts) return inboundPorts;
  return value === defaultOutboundPorts ? outboundPorts : textOf(value);
}
