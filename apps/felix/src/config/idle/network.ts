import { idle } from '../parameter.ts';
import { bool, milliseconds, oneOf, seconds } from '../parameter-type.ts';
import { keyValues } from '../text-types.ts';

const noGates = "what Calico's gates open belongs to the eBPF data plane";
const answeredAtOnce = 'the kernel answers netlink within the call: there is nothing to wait for';
const lockWaits = 'iptables waits for its lock by itself; from 1.8.8 on it ignores an interval';
const noWindows = 'there is no Windows here';
const noSidecars = 'what a workload and its sidecar proxy say to each other takes its usual way';

/** Parameters of what Calico's Felix does to the network and this one does not. */
export const networkParameters = {
  IptablesLockProbeIntervalMillis: idle(milliseconds, '50', lockWaits, 'iptablesLockProbeInterval'),
  FeatureGates: idle(keyValues, '', noGates, 'featureGates'),
  NetlinkTimeoutSecs: idle(seconds, '10', answeredAtOnce, 'netlinkTimeout'),
  WindowsManageFirewallRules: idle(oneOf('Enabled', 'Disabled'), 'Disabled', noWindows, 'windowsManageFirewallRules'),
  SidecarAccelerationEnabled: idle(bool, 'false', noSidecars, 'sidecarAccelerationEnabled'),
} as const;
