import type { NodePolicy } from '@calico-node/policy';
import type { FelixParameters } from './config/parameters.ts';
import { allocateMarks } from './rules/marks.ts';
import { defaultRuleOptions, type LogRate, type RuleOptions } from './rules/options.ts';

/** What Felix's parameters mean for its rules. */
export function ruleOptionsOf(values: FelixParameters): RuleOptions {
  return {
    ...defaultRuleOptions,
    marks: allocateMarks(values.NftablesMarkMask),
    interfacePrefixes: values.InterfacePrefix,
    defaultEndpointToHostAction: values.DefaultEndpointToHostAction,
    filterAllowAction: values.NftablesFilterAllowAction,
    filterDenyAction: values.NftablesFilterDenyAction,
    disableConntrackInvalidCheck: values.DisableConntrackInvalidCheck,
    enforceReversePath: values.WorkloadSourceSpoofing !== 'Any',
    vxlanPort: values.VXLANPort,
    allowVxlanPacketsFromWorkloads: values.AllowVXLANPacketsFromWorkloads,
    allowIpipPacketsFromWorkloads: values.AllowIPIPPacketsFromWorkloads,
    logPrefix: values.LogPrefix,
    mangleAllowAction: values.NftablesMangleAllowAction,
    failsafes: { inbound: values.FailsafeInboundHostPorts, outbound: values.FailsafeOutboundHostPorts },
    serviceLoopPrevention: values.ServiceLoopPrevention,
    logRate: logRateOf(values.LogActionRateLimit, values.LogActionRateLimitBurst),
    natOutgoingExclusions: values.NATOutgoingExclusions,
  };
}

function logRateOf(limit: FelixParameters['LogActionRateLimit'], burst: number): LogRate | undefined {
  return limit === undefined ? undefined : { packets: limit.count, per: limit.per, burst };
}

/** What Felix's rule options mean for the reference evaluator. */
export function nodePolicyOf(options: RuleOptions): NodePolicy {
  return {
    failsafes: options.failsafes,
    defaultEndpointToHostAction: options.defaultEndpointToHostAction,
    vxlanPort: options.vxlanPort,
    allowVxlanPacketsFromWorkloads: options.allowVxlanPacketsFromWorkloads,
    allowIpipPacketsFromWorkloads: options.allowIpipPacketsFromWorkloads,
  };
}
