/**
 * The two chains of a workload endpoint, after `felix/rules/endpoints.go`: `cali-tw-<if>` for packets
 * to it (ingress policy) and `cali-fw-<if>` for packets from it (egress policy).
 *
 * Both leave allowed packets with the accept mark set and return; everything else they drop. What no
 * tier decides goes to the profiles; what no profile allows is dropped.
 */
import type { EndpointTier, LocalWorkloadEndpoint } from '../calc/intents.ts';
import { chain, rule } from './build.ts';
import {
  clearMarks,
  jump,
  matchConntrack,
  matchMarked,
  matchPorts,
  matchProtocol,
  matchUnmarked,
  protocols,
  returnToCaller,
  setMarks,
} from './matches.ts';
import type { Chain, Rule } from './model.ts';
import { policyChainName, profileChainName, workloadChainName, type Direction } from './names.ts';
import type { RuleOptions } from './options.ts';
import { allowAction, denyAction } from './verdicts.ts';

/** The chains for packets to and from the endpoint; the same for both address families. */
export function renderWorkloadChains(endpoint: LocalWorkloadEndpoint, options: RuleOptions): readonly Chain[] {
  return (['ingress', 'egress'] as const).map((direction) =>
    chain('filter', workloadChainName(endpoint.interfaceName, direction), endpointRules(endpoint, direction, options)),
  );
}

function endpointRules(endpoint: LocalWorkloadEndpoint, direction: Direction, options: RuleOptions): readonly Rule[] {
  const deny = denyAction(options);
  if (!endpoint.adminUp) return [rule([], deny, 'Endpoint admin disabled')];
  const { accept, pass } = options.marks;
  return [
    ...conntrackRules(options),
    rule([], clearMarks(accept | pass)),
    ...(direction === 'egress' ? encapsulationRules(options) : []),
    ...endpoint.tiers.flatMap((tier) => tierRules(tier, direction, options)),
    ...endpoint.profiles.flatMap((profile) => [
      rule([], jump(profileChainName(profile, direction, options.maxChainNameLength))),
      rule([matchMarked(accept)], returnToCaller, 'Return if profile accepted'),
    ]),
    rule([], deny, `${denyWord(options)} if no profiles matched`),
  ];
}

function conntrackRules(options: RuleOptions): readonly Rule[] {
  const isReply = [matchConntrack('established', 'related')];
  const allow = allowAction(options);
  return [
    ...(allow.kind === 'accept' ? [] : [rule(isReply, setMarks(options.marks.accept))]),
    rule(isReply, allow),
    ...(options.disableConntrackInvalidCheck ? [] : [rule([matchConntrack('invalid')], denyAction(options))]),
  ];
}

/** A workload that could send tunnel packets could inject traffic into other nodes past their policy. */
function encapsulationRules(options: RuleOptions): readonly Rule[] {
  const deny = denyAction(options);
  const vxlan = [
    matchProtocol(protocols.udp),
    matchPorts('destination', [{ first: options.vxlanPort, last: options.vxlanPort }]),
  ];
  return [
    ...(options.allowVxlanPacketsFromWorkloads
      ? []
      : [rule(vxlan, deny, `${denyWord(options)} VXLAN encapped packets originating in workloads`)]),
    ...(options.allowIpipPacketsFromWorkloads
      ? []
      : [
          rule(
            [matchProtocol(protocols.ipip)],
            deny,
            `${denyWord(options)} IPinIP encapped packets originating in workloads`,
          ),
        ]),
  ];
}

function tierRules(tier: EndpointTier, direction: Direction, options: RuleOptions): readonly Rule[] {
  const policies = tier[direction];
  if (policies.length === 0) return [];
  const { accept, pass } = options.marks;
  return [
    rule([], clearMarks(pass), `Start of tier ${tier.name}`),
    ...policies.flatMap((policy) => [
      rule([matchUnmarked(pass)], jump(policyChainName(policy, direction, options.maxChainNameLength))),
      rule([matchMarked(accept)], returnToCaller, 'Return if policy accepted'),
    ]),
    ...(tier.defaultAction === 'Pass'
      ? []
      : [
          rule(
            [matchUnmarked(pass)],
            denyAction(options),
            `End of tier ${tier.name}. ${denyWord(options)} if no policies passed packet`,
          ),
        ]),
  ];
}

function denyWord(options: RuleOptions): string {
  return options.filterDenyAction === 'REJECT' ? 'Reject' : 'Drop';
}
