import { allocateMarks, type MarkBits } from './marks.ts';

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
  readonly filterDenyAction: 'DROP' | 'REJECT';
  readonly disableConntrackInvalidCheck: boolean;
  /** Drop packets of workloads whose source is not theirs (WorkloadSourceSpoofing other than Any). */
  readonly enforceReversePath: boolean;
  readonly vxlanPort: number;
  readonly allowVxlanPacketsFromWorkloads: boolean;
  readonly allowIpipPacketsFromWorkloads: boolean;
  readonly logPrefix: string;
  /** NATOutgoingExclusions. */
  readonly natOutgoingExclusions: 'IPPoolsOnly' | 'IPPoolsAndHostIPs';
}

/** Calico's defaults. */
export const defaultRuleOptions: RuleOptions = Object.freeze({
  marks: allocateMarks(0xffff0000),
  interfacePrefixes: ['cali'],
  maxChainNameLength: 28,
  defaultEndpointToHostAction: 'DROP',
  filterAllowAction: 'ACCEPT',
  filterDenyAction: 'DROP',
  disableConntrackInvalidCheck: false,
  enforceReversePath: true,
  vxlanPort: 4789,
  allowVxlanPacketsFromWorkloads: false,
  allowIpipPacketsFromWorkloads: false,
  logPrefix: 'calico-packet',
  natOutgoingExclusions: 'IPPoolsOnly',
});
