import type { NodePolicy } from './decide-packet.ts';
import type { FailsafePort } from './failsafe.ts';

const tcp = (port: number): FailsafePort => ({ protocol: 6, port });
const udp = (port: number): FailsafePort => ({ protocol: 17, port });
/** BGP, etcd, Typha, the Kubernetes API. */
const infrastructure = [179, 2379, 2380, 5473, 6443, 6666, 6667].map(tcp);

/** What Felix adds to policy where nothing is configured. */
export const defaultNodePolicy: NodePolicy = Object.freeze({
  failsafes: {
    inbound: [tcp(22), udp(68), ...infrastructure],
    outbound: [udp(53), udp(67), ...infrastructure],
  },
  defaultEndpointToHostAction: 'DROP',
  vxlanPort: 4789,
  allowVxlanPacketsFromWorkloads: false,
  allowIpipPacketsFromWorkloads: false,
  preventsServiceLoops: true,
});
