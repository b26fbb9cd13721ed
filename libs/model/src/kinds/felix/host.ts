import { ipv4, ipv6, netV4 } from '../../checks/nets.ts';
import { list } from '../../schema/containers.ts';
import { port } from '../../schema/numorstring.ts';
import { boolean, duration, int, oneOf, string, text } from '../../schema/scalars.ts';
import { optional, pointer } from '../../schema/struct.ts';
import { port16, protoPort } from './types.ts';

/** What the node itself may always do, address translation, routes and debugging. In the order of the stored form. */
export const hostFields = {
  failsafeInboundHostPorts: pointer(list(protoPort), {
    unset: 'tcp:22,udp:68,tcp:179,tcp:2379,tcp:2380,tcp:5473,tcp:6443,tcp:6666,tcp:6667',
    description: 'Ports of the node that policy cannot close.',
  }),
  failsafeOutboundHostPorts: pointer(list(protoPort), {
    unset: 'udp:53,udp:67,tcp:179,tcp:2379,tcp:2380,tcp:5473,tcp:6443,tcp:6666,tcp:6667',
    description: 'Ports elsewhere that policy cannot close to the node.',
  }),
  kubeNodePortRanges: pointer(list(port, { maxItems: 7 }), {
    unset: '30000:32767',
    description: 'The ports that services of type NodePort have.',
  }),
  policySyncPathPrefix: optional(
    string,
    'The directory of the sockets that serve policy to proxies; none where it is not set.',
  ),
  usageReportingEnabled: pointer(boolean, {
    unset: 'true',
    description: 'Whether the project is told of the cluster.',
  }),
  usageReportingInitialDelay: pointer(duration, { unset: '5m0s', description: 'How long after the start.' }),
  usageReportingInterval: pointer(duration, { unset: '24h0m0s', description: 'How often.' }),
  natPortRange: pointer(port, 'The source ports that outgoing traffic gets.'),
  natOutgoingAddress: optional(
    text(ipv4),
    "The source address that outgoing traffic gets; the interface's where it is not set.",
  ),
  natOutgoingExclusions: pointer(oneOf('IPPoolsOnly', 'IPPoolsAndHostIPs'), {
    unset: 'IPPoolsOnly',
    description: 'Destinations that are not behind address translation.',
  }),
  deviceRouteSourceAddress: optional(text(ipv4), 'The source address in workload routes for IPv4.'),
  deviceRouteSourceAddressIPv6: optional(text(ipv6), 'The source address in workload routes for IPv6.'),
  deviceRouteProtocol: pointer(int(), { unset: '3', description: 'The protocol number that our routes carry.' }),
  removeExternalRoutes: pointer(boolean, {
    unset: 'true',
    description: 'Whether routes to workload interfaces that are not ours go.',
  }),
  programClusterRoutes: pointer(oneOf('Enabled', 'Disabled', 'EnabledIPIPOnly', 'EnabledNoEncapOnly'), {
    unset: 'Disabled',
    description:
      "Which routes to other nodes' workloads Felix, not the BGP daemon, puts into the kernel; beside BIRD 2, which " +
      'has no tunnels, EnabledIPIPOnly where it is not set.',
  }),
  ipForwarding: optional(oneOf('Enabled', 'Disabled'), {
    unset: 'Enabled',
    description: 'Whether Felix switches forwarding on.',
  }),
  externalNodesList: pointer(list(text(netV4)), 'Networks of machines outside that may send tunnelled traffic.'),
  debugMemoryProfilePath: optional(string, 'The file that a memory profile is written to.'),
  debugDisableLogDropping: pointer(boolean, {
    unset: 'false',
    description: 'Whether logging waits rather than drops lines.',
  }),
  debugSimulateCalcGraphHangAfter: pointer(duration, {
    unset: '0s',
    description: 'For tests: hang the calculation after so long.',
  }),
  debugSimulateDataplaneHangAfter: pointer(duration, {
    unset: '0s',
    description: 'For tests: hang the data plane after so long.',
  }),
  debugSimulateDataplaneApplyDelay: pointer(duration, {
    unset: '0s',
    description: 'For tests: how long each application takes more.',
  }),
  debugHost: pointer(string, { unset: 'localhost', description: 'The address that profiles are served on.' }),
  debugPort: pointer(port16, 'The port that profiles are served on; none where it is not set.'),
};
