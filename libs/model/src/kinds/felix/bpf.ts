import { cidr } from '../../checks/nets.ts';
import { interfaceFilter, regularExpression } from '../../checks/names.ts';
import { list, map } from '../../schema/containers.ts';
import { dscp, port } from '../../schema/numorstring.ts';
import { boolean, duration, int, oneOf, string, text } from '../../schema/scalars.ts';
import { alwaysPrinted, optional, pointer } from '../../schema/struct.ts';
import { anyCase, conntrackTimeouts } from './types.ts';

/** The eBPF data plane, flow logs and Istio. In the order of the stored form. */
export const bpfFields = {
  bpfEnabled: pointer(boolean, { unset: 'false', description: 'Whether the eBPF data plane is used.' }),
  bpfOverlayHostSourceIP: pointer(oneOf('TunnelAddress', 'HostAddress'), {
    unset: 'TunnelAddress',
    description: "The source address of the node's own traffic into the overlay.",
  }),
  bpfDisableUnprivileged: pointer(boolean, { unset: 'true', description: 'Whether only root may load programs.' }),
  bpfJITHardening: pointer(oneOf('Auto', 'Strict'), {
    unset: 'Auto',
    description: "Whether the compiler's hardening may be switched off.",
  }),
  bpfLogLevel: alwaysPrinted(text(anyCase('Off', 'Info', 'Debug')), {
    unset: 'Off',
    description: 'How much the programs log.',
  }),
  bpfConntrackLogLevel: optional(text(anyCase('Off', 'Debug')), {
    unset: 'Off',
    description: 'How much connection tracking logs.',
  }),
  bpfConntrackMode: pointer(oneOf('Auto', 'Userspace', 'BPFProgram'), {
    unset: 'Auto',
    description: 'Who clears connections away.',
  }),
  bpfConntrackTimeouts: pointer(conntrackTimeouts, {
    unset:
      'CreationGracePeriod=10s,TCPSynSent=20s,TCPEstablished=1h,TCPFinsSeen=Auto,TCPResetSeen=40s,UDPTimeout=60s,GenericTimeout=10m,ICMPTimeout=5s',
    description: 'When connections are cleared away.',
  }),
  bpfIPFragTimeout: pointer(duration, { unset: '0s', description: 'How long fragments are kept.' }),
  bpfLogFilters: pointer(map(string), 'What is logged on which interface, as pcap filters.'),
  bpfCTLBLogFilter: optional(string, 'Whether connect-time load balancing logs.'),
  bpfDataIfacePattern: optional(text(regularExpression), {
    unset: '^((en|wl|ww|sl|ib)[Popsx].*|(eth|wlan|wwan|bond).*)',
    description: 'The interfaces to the network.',
  }),
  bpfL3IfacePattern: optional(
    text(regularExpression),
    'Interfaces without link layer addresses, besides the known ones.',
  ),
  bpfConnectTimeLoadBalancingEnabled: pointer(
    boolean,
    'Older form of bpfConnectTimeLoadBalancing; decides it where it is set.',
  ),
  bpfConnectTimeLoadBalancing: pointer(oneOf('TCP', 'Enabled', 'Disabled'), {
    unset: 'TCP',
    description: 'For which protocols services are resolved when a socket connects.',
  }),
  bpfHostNetworkedNATWithoutCTLB: pointer(oneOf('Enabled', 'Disabled'), {
    unset: 'Enabled',
    description: "Whether services work for the node's own processes without that.",
  }),
  bpfExternalServiceMode: optional(text(anyCase('Tunnel', 'DSR')), {
    unset: 'Tunnel',
    description: 'Whether answers to outside clients go back through the node that they came by.',
  }),
  bpfDSROptoutCIDRs: pointer(list(text(cidr)), 'Clients for whom they do in any case.'),
  bpfExtToServiceConnmark: pointer(int(), {
    unset: '0',
    description: 'The connection mark of traffic from outside to services.',
  }),
  bpfKubeProxyIptablesCleanupEnabled: pointer(boolean, {
    unset: 'true',
    description: "Whether kube-proxy's rules are removed.",
  }),
  bpfKubeProxyMinSyncPeriod: pointer(duration, {
    unset: '1s',
    description: 'How often services are programmed at most.',
  }),
  bpfKubeProxyHealthzPort: pointer(int(), {
    unset: '10256',
    description: "The port that kube-proxy's health is served on.",
  }),
  bpfPSNATPorts: pointer(port, {
    unset: '20000:29999',
    description: 'The source ports for connections that would collide.',
  }),
  bpfMapSizeNATFrontend: pointer(int(), { unset: '65536', description: 'Entries in the map of services.' }),
  bpfMapSizeNATBackend: pointer(int(), { unset: '262144', description: "Entries in the map of services' endpoints." }),
  bpfMapSizeNATAffinity: pointer(int(), { unset: '65536', description: 'Entries in the map of session affinity.' }),
  bpfMapSizeRoute: pointer(int(), { unset: '262144', description: 'Entries in the map of routes.' }),
  bpfMapSizeConntrack: pointer(int(), { unset: '512000', description: 'Entries in the map of connections.' }),
  bpfMapSizePerCpuConntrack: pointer(int(), {
    unset: '0',
    description: 'Entries in it for each processor, instead; 0 for none.',
  }),
  bpfMapSizeConntrackScaling: optional(text(anyCase('Disabled', 'DoubleIfFull')), {
    unset: 'DoubleIfFull',
    description: 'Whether it grows.',
  }),
  bpfMapSizeConntrackCleanupQueue: pointer(int(), {
    unset: '100000',
    description: 'Entries in the map of connections to clear away.',
  }),
  bpfMapSizeIPSets: pointer(int(), { unset: '1048576', description: 'Entries in the map of IP sets.' }),
  bpfMapSizeIfState: pointer(int(), { unset: '1000', description: 'Entries in the map of interfaces.' }),
  bpfHostConntrackBypass: pointer(boolean, {
    unset: 'false',
    description: "Whether the kernel's own connection tracking is gone round.",
  }),
  bpfIPFragmentReassemblyEnabled: pointer(boolean, {
    unset: 'true',
    description: 'Whether fragments are put together.',
  }),
  bpfEnforceRPF: optional(text(anyCase('Disabled', 'Strict', 'Loose')), {
    unset: 'Loose',
    description: 'How strictly source addresses are checked.',
  }),
  bpfPolicyDebugEnabled: pointer(boolean, {
    unset: 'true',
    description: 'Whether programs carry the policy in words.',
  }),
  bpfForceTrackPacketsFromIfaces: pointer(list(text(interfaceFilter)), {
    unset: 'docker+',
    description: "Interfaces whose traffic the kernel's connection tracking sees in any case.",
  }),
  bpfDisableGROForIfaces: optional(text(regularExpression), 'Interfaces on which received packets are not merged.'),
  bpfExcludeCIDRsFromNAT: pointer(list(text(cidr)), 'Service addresses to leave alone.'),
  bpfExportBufferSizeMB: pointer(int(), { unset: '1', description: 'The size of the buffer for events.' }),
  istioAmbientMode: pointer(oneOf('Enabled', 'Disabled'), {
    unset: 'Disabled',
    description: "Whether Istio's ambient mode is provided for.",
  }),
  istioDSCPMark: pointer(dscp, { unset: '23', description: 'The DiffServ code point of its traffic.' }),
  cgroupV2Path: optional(
    string,
    'Where the second version of control groups is mounted; found out where it is not set.',
  ),
  flowLogsPolicyEvaluationMode: pointer(oneOf('None', 'Continuous'), {
    unset: 'Continuous',
    description: 'Whether policy is evaluated again for flows that go on.',
  }),
  bpfRedirectToPeer: optional(text(anyCase('Enabled', 'Disabled', 'L2Only')), {
    unset: 'Enabled',
    description: "Whether packets go straight into the workload's namespace.",
  }),
  bpfAttachType: pointer(oneOf('TC', 'TCX', 'Netkit'), {
    unset: 'TCX',
    description: 'How programs are attached to interfaces.',
  }),
  flowLogsFlushInterval: pointer(duration, { unset: '5m0s', description: 'How often flow logs are sent.' }),
  flowLogsCollectorDebugTrace: pointer(boolean, { unset: 'false', description: 'Whether each flow is logged.' }),
  flowLogsGoldmaneServer: pointer(string, 'Where flow logs are sent; nowhere where it is not set.'),
  flowLogsLocalReporter: pointer(oneOf('Enabled', 'Disabled'), {
    unset: 'Disabled',
    description: 'Whether a local socket serves flow logs.',
  }),
  bpfProfiling: optional(text(anyCase('Enabled', 'Disabled')), {
    unset: 'Disabled',
    description: 'Whether programs are timed.',
  }),
};
