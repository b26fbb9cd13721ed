/**
 * The two chains of a workload endpoint: `cali-tw-<if>` for packets to it (ingress policy) and
 * `cali-fw-<if>` for packets from it (egress policy). They are the same for both address families.
 */
import type { LocalWorkloadEndpoint } from '../calc/intents.ts';
import { chain, rule } from './build.ts';
import { endpointRules, groupChainsOf, type EndpointChain } from './endpoint-chains.ts';
import { matchPorts, matchProtocol, protocols } from './matches.ts';
import type { Chain, Rule } from './model.ts';
import { workloadChainName, type Direction } from './names.ts';
import type { RuleOptions } from './options.ts';
import type { GroupChain } from './policy-groups.ts';
import { connectionLimitRules, packetRateRules } from './traffic-limits.ts';
import { denyAction, denyWord } from './verdicts.ts';

const directions: readonly Direction[] = ['ingress', 'egress'];

/** The chains for packets to and from the endpoint. */
export function renderWorkloadChains(endpoint: LocalWorkloadEndpoint, options: RuleOptions): readonly Chain[] {
  return directions.map((direction) => {
    const rules = endpoint.adminUp
      ? endpointRules(shapeOf(endpoint, direction, options), options)
      : [rule([], denyAction(options), 'Endpoint admin disabled')];
    return chain('filter', workloadChainName(endpoint.interfaceName, direction), rules);
  });
}

/** The shared chains that these jump to. */
export function groupsOfWorkload(endpoint: LocalWorkloadEndpoint, options: RuleOptions): readonly GroupChain[] {
  if (!endpoint.adminUp) return [];
  return directions.flatMap((direction) => groupChainsOf(shapeOf(endpoint, direction, options)));
}

function shapeOf(endpoint: LocalWorkloadEndpoint, direction: Direction, options: RuleOptions): EndpointChain {
  const { tiers, profiles } = endpoint;
  const first = packetRateRules(endpoint, direction, options);
  const before = [
    ...connectionLimitRules(endpoint, direction),
    ...(direction === 'egress' ? encapsulationRules(options) : []),
  ];
  const tellsFlows = options.flowLogs;
  return { layer: 'filter', direction, stage: 'normal', tiers, profiles, tellsFlows, first, before };
}

/** A workload that could send tunnel packets could inject traffic into other nodes past their policy. */
function encapsulationRules(options: RuleOptions): readonly Rule[] {
  const deny = denyAction(options);
  const word = denyWord(options);
  const ports = [{ first: options.vxlanPort, last: options.vxlanPort }];
  const vxlan = [matchProtocol(protocols.udp), matchPorts('destination', ports)];
  return [
    ...(options.allowVxlanPacketsFromWorkloads
      ? []
      : [rule(vxlan, deny, `${word} VXLAN encapped packets originating in workloads`)]),
    ...(options.allowIpipPacketsFromWorkloads
      ? []
      : [rule([matchProtocol(protocols.ipip)], deny, `${word} IPinIP encapped packets originating in workloads`)]),
  ];
}
