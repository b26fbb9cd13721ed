import type { Family, IpAddress } from '@calico-node/net';
import type { Failsafes } from '@calico-node/policy';
import type { PortRange } from '../calc/parsed-rule.ts';
import { allocateMarks, type MarkBits } from './marks.ts';
import type { RateUnit } from './model.ts';
import type { IpvsOptions } from './ipvs.ts';
import type { OpenstackOptions } from './openstack.ts';
import type { Tunnels } from './tunnel-rules.ts';

/** How many packets a rule logs. */
export interface LogRate {
  readonly packets: number;
  readonly per: RateUnit;
  readonly burst: number;
}

/** What rules know of a WireGuard device. */
export interface WireguardRules {
  readonly interfaceName: string;
  readonly port: number;
}

/** What of Felix's configuration shapes its rules; names as in FelixConfiguration. */
export interface RuleOptions {
  readonly marks: MarkBits;
  /** Starts of the names of workload interfaces (InterfacePrefix); at least one. */
  readonly interfacePrefixes: readonly string[];
  /** iptables allows 28; nf_tables 255 less what the driver prepends. Longer names are hashed. */
  readonly maxChainNameLength: number;
  /** What workloads may do to their own host once their egress policy allowed the packet. */
  readonly defaultEndpointToHostAction: 'DROP' | 'RETURN' | 'ACCEPT';
  readonly filterAllowAction: 'ACCEPT' | 'RETURN';
  readonly mangleAllowAction: 'ACCEPT' | 'RETURN';
  readonly filterDenyAction: 'DROP' | 'REJECT';
  readonly disableConntrackInvalidCheck: boolean;
  readonly vxlanPort: number;
  /** As the pools ask for. */
  readonly tunnels: Tunnels;
  /** The device of each family that has one; with one of them the marks have a bit for it. */
  readonly wireguard: Partial<Record<Family, WireguardRules>>;
  /** Hosts' own packets are encrypted too (WireguardHostEncryptionEnabled). */
  readonly wireguardEncryptsHosts: boolean;
  readonly allowVxlanPacketsFromWorkloads: boolean;
  readonly allowIpipPacketsFromWorkloads: boolean;
  /** Felix's LogPrefix, with what `log-prefix.ts` puts in. */
  readonly logPrefix: string;
  /** LogActionRateLimit and its burst; undefined: every packet. */
  readonly logRate: LogRate | undefined;
  /** Ports that host endpoints' policy can't close. */
  readonly failsafes: Failsafes;
  /** Whether long runs of rules become look-ups, which only a back end with verdict maps can take. */
  readonly verdictMaps: boolean;
  /** Whether the back end has the hook `late-input`. */
  readonly lateInput: boolean;
  /** What becomes of packets for a service's address that nobody answers, which would go round in circles. */
  readonly serviceLoopPrevention: 'Drop' | 'Reject' | 'Disabled';
  /** kube-proxy is in its IPVS mode: what is sent to a service goes through the host's own hooks. */
  readonly ipvs: IpvsOptions | undefined;
  /** Workloads' floating addresses lead to them (FloatingIPs). */
  readonly floatingIps: boolean;
  /** The host's workloads are OpenStack's guests. */
  readonly openstack: OpenstackOptions | undefined;
  /** NATOutgoingExclusions. */
  readonly natOutgoingExclusions: 'IPPoolsOnly' | 'IPPoolsAndHostIPs';
  /** IPv4 (NATOutgoingAddress); undefined: that of the interface. */
  readonly natOutgoingAddress: IpAddress | undefined;
  /** Whether translations draw their ports fully at random (FeatureDetectOverride switches that off). */
  readonly fullyRandom: { readonly masquerade: boolean; readonly snat: boolean };
  /** NATPortRange; undefined: as the kernel likes. */
  readonly natPortRange: PortRange | undefined;
  /** The code point of new connections within Istio's ambient mesh (IstioDSCPMark); undefined: there is none. */
  readonly ambientMeshDscp: number | undefined;
  /** Workloads' new connections, and what they are denied, are told of to the netlink log (FlowLogs...). */
  readonly flowLogs: boolean;
  /** IptablesNATOutgoingInterfaceFilter: an interface, with + at its end all that begin so; '': any. */
  readonly natOutgoingInterface: string;
}

/** Calico's defaults. */
export const defaultRuleOptions: RuleOptions = Object.freeze({
  marks: allocateMarks(0xffff0000),
  interfacePrefixes: ['cali'],
  maxChainNameLength: 28,
  defaultEndpointToHostAction: 'DROP',
  filterAllowAction: 'ACCEPT',
  mangleAllowAction: 'ACCEPT',
  filterDenyAction: 'DROP',
  disableConntrackInvalidCheck: false,
  vxlanPort: 4789,
  tunnels: Object.freeze({ ipip: false, vxlan4: false, vxlan6: false }),
  wireguard: Object.freeze({}),
  wireguardEncryptsHosts: false,
  allowVxlanPacketsFromWorkloads: false,
  allowIpipPacketsFromWorkloads: false,
  logPrefix: 'calico-packet',
  logRate: undefined,
  failsafes: { inbound: [], outbound: [] },
  verdictMaps: false,
  lateInput: false,
  serviceLoopPrevention: 'Drop',
  ipvs: undefined,
  floatingIps: false,
  openstack: undefined,
  natOutgoingExclusions: 'IPPoolsOnly',
  natOutgoingAddress: undefined,
  fullyRandom: Object.freeze({ masquerade: true, snat: true }),
  natPortRange: undefined,
  ambientMeshDscp: undefined,
  flowLogs: false,
  natOutgoingInterface: '',
});
