import { logLevel } from '../../checks/log-level.ts';
import { regularExpression } from '../../checks/names.ts';
import { int, string, text } from '../../schema/scalars.ts';
import { optional, pointer } from '../../schema/struct.ts';
import { anyCase, logRate } from './types.ts';

/** What happens to packets, and what is said about it. In the order of the stored form. */
export const trafficFields = {
  interfacePrefix: optional(string, {
    unset: 'cali',
    description: 'What names of workload interfaces begin with, as a comma-separated list.',
  }),
  interfaceExclude: optional(string, { unset: 'kube-ipvs0', description: 'Interfaces to leave alone.' }),
  chainInsertMode: optional(text(anyCase('Insert', 'Append')), {
    unset: 'Insert',
    description: "Whether our rules come before or after others in the kernel's chains.",
  }),
  defaultEndpointToHostAction: optional(text(anyCase('Drop', 'Return', 'Accept')), {
    unset: 'Drop',
    description: 'What happens to traffic from a workload to its node that policy allows.',
  }),
  iptablesFilterAllowAction: optional(text(anyCase('Accept', 'Return')), {
    unset: 'Accept',
    description: 'What the filter table does with allowed packets.',
  }),
  iptablesMangleAllowAction: optional(text(anyCase('Accept', 'Return')), {
    unset: 'Accept',
    description: 'What the mangle table does with allowed packets.',
  }),
  iptablesFilterDenyAction: optional(text(anyCase('Drop', 'Reject')), {
    unset: 'Drop',
    description: 'What the filter table does with denied packets.',
  }),
  logPrefix: optional(string, {
    unset: 'calico-packet',
    description:
      "What lines of the action Log begin with; `%t`, `%k`, `%n` and `%p` are the policy's tier, kind, name, and name with namespace. Cut where the kernel takes no more: 29 bytes with iptables, 127 with nftables.",
  }),
  logActionRateLimit: pointer(text(logRate), 'How many lines the action Log may write.'),
  logActionRateLimitBurst: pointer(int(0, 9999), { unset: '5', description: 'How many of them at once.' }),
  logFilePath: optional(string, { unset: '/var/log/calico/felix.log', description: 'The log file.' }),
  logSeverityFile: optional(text(logLevel), { unset: 'Info', description: 'How much goes to the file.' }),
  logSeverityScreen: optional(text(logLevel), { unset: 'Info', description: 'How much goes to standard error.' }),
  logSeveritySys: optional(text(logLevel), { unset: 'Info', description: "How much goes to the system's log." }),
  logDebugFilenameRegex: optional(text(regularExpression), 'Source files whose debug lines are logged.'),
};
