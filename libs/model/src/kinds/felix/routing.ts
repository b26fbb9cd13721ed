import { interfaceName, regularExpression } from '../../checks/names.ts';
import { list } from '../../schema/containers.ts';
import { boolean, duration, int, oneOf, text } from '../../schema/scalars.ts';
import { optional, pointer } from '../../schema/struct.ts';
import { routePriority } from '../bgp-configuration.ts';
import { routeTableRange, routeTableIdRange } from './types.ts';

/** Route tables, WireGuard and the rest. In the order of the stored form. */
export const routingFields = {
  routeSource: optional(oneOf('WorkloadIPs', 'CalicoIPAM'), {
    unset: 'CalicoIPAM',
    description: 'Whether routes follow workloads or address blocks.',
  }),
  routeTableRanges: pointer(list(routeTableIdRange), 'The tables that Felix may use.'),
  routeTableRange: pointer(routeTableRange, 'Older form of routeTableRanges.'),
  routeSyncDisabled: pointer(boolean, { unset: 'false', description: 'Whether routes are left alone.' }),
  ipv4NormalRoutePriority: pointer(routePriority, { unset: '1024', description: 'The metric of IPv4 routes.' }),
  ipv4ElevatedRoutePriority: pointer(routePriority, {
    unset: '512',
    description: 'The metric of IPv4 routes to a workload that migrates here.',
  }),
  ipv6NormalRoutePriority: pointer(routePriority, { unset: '1024', description: 'The metric of IPv6 routes.' }),
  ipv6ElevatedRoutePriority: pointer(routePriority, {
    unset: '512',
    description: 'The metric of IPv6 routes to a workload that migrates here.',
  }),
  liveMigrationRouteConvergenceTime: pointer(duration, {
    unset: '30s',
    description: 'How long the network may take to notice that a workload has moved.',
  }),
  wireguardEnabled: pointer(boolean, {
    unset: 'false',
    description: 'Whether traffic between nodes goes through WireGuard over IPv4.',
  }),
  wireguardEnabledV6: pointer(boolean, { unset: 'false', description: 'Whether it goes through WireGuard over IPv6.' }),
  wireguardThreadingEnabled: pointer(boolean, {
    unset: 'false',
    description: 'Whether the device uses a thread of its own.',
  }),
  wireguardListeningPort: pointer(int(), { unset: '51820', description: 'The UDP port for IPv4.' }),
  wireguardListeningPortV6: pointer(int(), { unset: '51821', description: 'The UDP port for IPv6.' }),
  wireguardRoutingRulePriority: pointer(int(), {
    unset: '99',
    description: 'The priority of the rules that send traffic there.',
  }),
  wireguardInterfaceName: optional(text(interfaceName), {
    unset: 'wireguard.cali',
    description: 'The device for IPv4.',
  }),
  wireguardInterfaceNameV6: optional(text(interfaceName), { unset: 'wg-v6.cali', description: 'The device for IPv6.' }),
  wireguardMTU: pointer(int(), { unset: '0', description: 'Its MTU for IPv4; 0 finds it out.' }),
  wireguardMTUV6: pointer(int(), { unset: '0', description: 'Its MTU for IPv6; 0 finds it out.' }),
  wireguardHostEncryptionEnabled: pointer(boolean, {
    unset: 'false',
    description: "Whether the nodes' own traffic goes through it too.",
  }),
  wireguardKeepAlive: pointer(duration, {
    unset: '0s',
    description: 'How often a silent peer is sent something; 0 for never.',
  }),
  awsSrcDstCheck: pointer(oneOf('DoNothing', 'Enable', 'Disable'), {
    unset: 'DoNothing',
    description: "What to do about the cloud's check of addresses.",
  }),
  serviceLoopPrevention: optional(oneOf('Drop', 'Reject', 'Disabled'), {
    unset: 'Drop',
    description: 'What happens to traffic to service addresses that no service has.',
  }),
  workloadSourceSpoofing: optional(oneOf('Disabled', 'Any'), {
    unset: 'Disabled',
    description: 'Whether workloads may ask for leave to use other source addresses.',
  }),
  mtuIfacePattern: optional(text(regularExpression), {
    unset: '^((en|wl|ww|sl|ib)[Pcopsvx].*|(eth|wlan|wwan).*)',
    description: 'The interfaces that the MTU is found out from.',
  }),
  floatingIPs: pointer(oneOf('Enabled', 'Disabled'), {
    unset: 'Disabled',
    description: 'Whether workloads may have addresses outside that stand for their own.',
  }),
  localSubnetL2Reachability: pointer(oneOf('Disabled', 'PodsAndLoadBalancers'), {
    unset: 'Disabled',
    description: 'Whether the node answers for addresses of its subnet that live on it.',
  }),
  localSubnetL2ReachabilityRefreshInterval: pointer(duration, {
    unset: '2m0s',
    description: 'How often this is said again.',
  }),
  windowsManageFirewallRules: pointer(oneOf('Enabled', 'Disabled'), {
    unset: 'Disabled',
    description: 'Whether Felix writes firewall rules on Windows.',
  }),
  goGCThreshold: pointer(int(-1), {
    unset: '40',
    description: 'How much memory may grow between collections, in percent; -1 for any.',
  }),
  goMemoryLimitMB: pointer(int(-1), { unset: '-1', description: 'The memory limit; -1 for none.' }),
  goMaxProcs: pointer(int(-1), { unset: '-1', description: 'How many processors are used; -1 for all.' }),
  requireMTUFile: pointer(boolean, {
    unset: 'false',
    description: 'Whether the file with the MTU must be there before Felix is ready.',
  }),
  bpfMaglevMaxEndpointsPerService: pointer(int(1, 3000), {
    unset: '100',
    description: 'Endpoints that a service with consistent hashing may have.',
  }),
  bpfMaglevMaxServices: pointer(int(1, 3000), {
    unset: '100',
    description: 'Services with consistent hashing that there may be.',
  }),
};
