import type { Node } from '@calico-node/model';
import type { NodePolicy } from '@calico-node/policy';
import type { ProgrammedRoutes } from './calc/routes/route-resolver.ts';
import { parameters, type FelixParameters } from './config/parameters.ts';
import { switchesOf } from './config/text-types.ts';
import type { DriverChoice } from './dataplane/driver-choice.ts';
import { allocateMarks, endpointMarkBits } from './rules/marks.ts';
import { defaultRuleOptions, type LogRate, type RuleOptions } from './rules/options.ts';

/**
 * What Felix's parameters mean for its rules, which each packet filter has some of its own of.
 *
 * @param kubeIpvs whether kube-proxy is in its IPVS mode
 */
export function ruleOptionsOf(values: FelixParameters, filter: DriverChoice['kind'], kubeIpvs: boolean): RuleOptions {
  const isIptables = filter === 'iptables';
  const mask = isIptables ? values.IptablesMarkMask : values.NftablesMarkMask;
  const marks = allocateMarks(mask, usesWireguard(values));
  return {
    ...defaultRuleOptions,
    marks,
    interfacePrefixes: values.InterfacePrefix,
    defaultEndpointToHostAction: values.DefaultEndpointToHostAction,
    filterAllowAction: isIptables ? values.IptablesFilterAllowAction : values.NftablesFilterAllowAction,
    filterDenyAction: isIptables ? values.IptablesFilterDenyAction : values.NftablesFilterDenyAction,
    disableConntrackInvalidCheck: values.DisableConntrackInvalidCheck,
    vxlanPort: values.VXLANPort,
    allowVxlanPacketsFromWorkloads: values.AllowVXLANPacketsFromWorkloads,
    allowIpipPacketsFromWorkloads: values.AllowIPIPPacketsFromWorkloads,
    logPrefix: values.LogPrefix,
    mangleAllowAction: isIptables ? values.IptablesMangleAllowAction : values.NftablesMangleAllowAction,
    failsafes: { inbound: values.FailsafeInboundHostPorts, outbound: values.FailsafeOutboundHostPorts },
    serviceLoopPrevention: values.ServiceLoopPrevention,
    logRate: logRateOf(values.LogActionRateLimit, values.LogActionRateLimitBurst),
    ipvs: kubeIpvs ? { marks: endpointMarkBits(mask, marks), nodePorts: values.KubeNodePortRanges } : undefined,
    floatingIps: values.FloatingIPs === 'Enabled',
    wireguard: wireguardRulesOf(values),
    wireguardEncryptsHosts: usesWireguard(values) && values.WireguardHostEncryptionEnabled,
    openstack: openstackOf(values),
    natOutgoingExclusions: values.NATOutgoingExclusions,
    natOutgoingAddress: values.NATOutgoingAddress,
    fullyRandom: {
      masquerade: switchesOf(values.FeatureDetectOverride).get('MASQFullyRandom') ?? true,
      snat: switchesOf(values.FeatureDetectOverride).get('SNATFullyRandom') ?? true,
    },
    natPortRange: values.NATPortRange,
    ambientMeshDscp: values.IstioAmbientMode === 'Enabled' ? values.IstioDSCPMark : undefined,
    flowLogs: values.FlowLogsGoldmaneServer !== '' || values.FlowLogsLocalReporter === 'Enabled',
    natOutgoingInterface: values.IptablesNATOutgoingInterfaceFilter,
  };
}

/**
 * OpenStack is there when the type of the cluster says so, when guests' interfaces are among the workloads', or when the
 * metadata service is where only OpenStack has it.
 */
function openstackOf(values: FelixParameters): RuleOptions['openstack'] {
  const { ClusterType, InterfacePrefix, MetadataAddr: address, MetadataPort: port } = values;
  const isThere =
    ClusterType.toLowerCase().includes('openstack') ||
    InterfacePrefix.includes('tap') ||
    (address !== undefined && address !== parameters.MetadataAddr.default) ||
    (port !== 0 && port !== parameters.MetadataPort.default);
  const metadata = address === undefined || port === 0 ? undefined : { address, port };
  return isThere ? { metadata } : undefined;
}

function logRateOf(limit: FelixParameters['LogActionRateLimit'], burst: number): LogRate | undefined {
  return limit === undefined ? undefined : { packets: limit.count, per: limit.per, burst };
}

/** What Felix's rule options mean for the reference evaluator. */
export function nodePolicyOf(options: RuleOptions): NodePolicy {
  return {
    failsafes: options.failsafes,
    preventsServiceLoops: options.serviceLoopPrevention !== 'Disabled',
    defaultEndpointToHostAction: options.defaultEndpointToHostAction,
    vxlanPort: options.vxlanPort,
    allowVxlanPacketsFromWorkloads: options.allowVxlanPacketsFromWorkloads,
    allowIpipPacketsFromWorkloads: options.allowIpipPacketsFromWorkloads,
  };
}

/** What Felix's parameters say of this node in place of its Node resource. */
export function ownNodeOf(values: FelixParameters): Partial<Node['spec']> {
  const fields = {
    ipv4VXLANTunnelAddr: values.IPv4VXLANTunnelAddr,
    vxlanTunnelMACAddr: values.VXLANTunnelMACAddr,
    ipv6VXLANTunnelAddr: values.IPv6VXLANTunnelAddr,
    vxlanTunnelMACAddrV6: values.VXLANTunnelMACAddrV6,
  };
  const bgp = values.IpInIpTunnelAddr === undefined ? {} : { bgp: { ipv4IPIPTunnelAddr: values.IpInIpTunnelAddr } };
  return { ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)), ...bgp };
}

/** Which routes to other nodes' workloads are Felix's beside those of VXLAN pools. */
export function programmedRoutesOf({ ProgramClusterRoutes: programs }: FelixParameters): ProgrammedRoutes {
  return {
    ipip: programs === 'Enabled' || programs === 'EnabledIPIPOnly',
    plain: programs === 'Enabled' || programs === 'EnabledNoEncapOnly',
  };
}

function usesWireguard(values: FelixParameters): boolean {
  return values.WireguardEnabled || values.WireguardEnabledV6;
}

function wireguardRulesOf(values: FelixParameters): RuleOptions['wireguard'] {
  const { WireguardInterfaceName, WireguardListeningPort, WireguardInterfaceNameV6, WireguardListeningPortV6 } = values;
  return {
    ...(values.WireguardEnabled ? { 4: { interfaceName: WireguardInterfaceName, port: WireguardListeningPort } } : {}),
    ...(values.WireguardEnabledV6 && values.Ipv6Support
      ? { 6: { interfaceName: WireguardInterfaceNameV6, port: WireguardListeningPortV6 } }
      : {}),
  };
}
