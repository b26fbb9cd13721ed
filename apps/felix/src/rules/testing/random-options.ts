/** Random configuration, as far as it shapes what packets may do. */
import fc from 'fast-check';
import { allocateMarks } from '../marks.ts';
import { defaultRuleOptions, type RuleOptions } from '../options.ts';
import { randomFailsafes } from './random-world.ts';

/** Flow logs among them: rules that tell of flows decide as those that do not. */
export const anyOptions: fc.Arbitrary<Partial<RuleOptions>> = fc.record({
  filterAllowAction: fc.constantFrom('ACCEPT', 'RETURN'),
  mangleAllowAction: fc.constantFrom('ACCEPT', 'RETURN'),
  filterDenyAction: fc.constantFrom('DROP', 'REJECT'),
  defaultEndpointToHostAction: fc.constantFrom('DROP', 'RETURN', 'ACCEPT'),
  disableConntrackInvalidCheck: fc.boolean(),
  allowVxlanPacketsFromWorkloads: fc.boolean(),
  allowIpipPacketsFromWorkloads: fc.boolean(),
  serviceLoopPrevention: fc.constantFrom('Drop', 'Reject', 'Disabled'),
  failsafes: fc.constantFrom(randomFailsafes, defaultRuleOptions.failsafes),
  interfacePrefixes: fc.constantFrom(['cali'], ['tap', 'cali']),
  maxChainNameLength: fc.constantFrom(28, 240),
  marks: fc.constantFrom(0xffff0000, 0x1f, 0xa8000015).map((mask) => allocateMarks(mask)),
  // Bits that none of those masks has.
  ipvs: fc.constantFrom(undefined, { marks: 0x00600f00, nodePorts: [] }),
  logRate: fc.constantFrom(undefined, { packets: 1, per: 'minute' as const, burst: 1 }),
  floatingIps: fc.boolean(),
  verdictMaps: fc.boolean(),
  flowLogs: fc.boolean(),
});

/** As `anyOptions`, for packets through a kernel by iptables too: what is denied makes no packets of its own. */
export const silentOptions = anyOptions.map((options): Partial<RuleOptions> => ({
  ...options,
  filterDenyAction: 'DROP',
  serviceLoopPrevention: options.serviceLoopPrevention === 'Disabled' ? 'Disabled' : 'Drop',
  maxChainNameLength: 28,
}));
