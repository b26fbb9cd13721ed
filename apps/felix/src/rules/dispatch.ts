import type { LocalWorkloadEndpoint } from '../calc/intents.ts';
import { chain, dispatchMap, rule } from './build.ts';
import { jump, matchInterfacePrefix } from './matches.ts';
import type { Action, Chain, DispatchMap, Rule } from './model.ts';
import { chainNames, workloadChainName } from './names.ts';
import type { RuleOptions } from './options.ts';
import { denyAction } from './verdicts.ts';

/** Interface name to endpoint chain, for packets from and to workloads. Endpoints have distinct interface names. */
export function renderDispatchMaps(
  endpoints: Iterable<Pick<LocalWorkloadEndpoint, 'interfaceName'>>,
): readonly DispatchMap[] {
  const interfaces = [...endpoints].map(({ interfaceName }) => interfaceName);
  const entries = (direction: 'ingress' | 'egress') =>
    interfaces.map((interfaceName) => ({ interfaceName, chain: workloadChainName(interfaceName, direction) }));
  return [
    dispatchMap('filter', chainNames.fromWorkloadDispatch, 'in-interface', entries('egress')),
    dispatchMap('filter', chainNames.toWorkloadDispatch, 'out-interface', entries('ingress')),
  ];
}

/** The chains that look into the maps. An interface with a workload's name that no endpoint has is dropped. */
export function renderDispatchChains(options: RuleOptions): readonly Chain[] {
  return [chainNames.fromWorkloadDispatch, chainNames.toWorkloadDispatch].map((name) =>
    chain('filter', name, [
      rule([], { kind: 'dispatch', map: name }),
      rule([], denyAction(options), 'Unknown interface'),
    ]),
  );
}

/** The action for what comes in from workloads' interfaces, or leaves by them. */
export function forWorkloads(direction: 'in' | 'out', action: Action, options: RuleOptions): readonly Rule[] {
  return options.interfacePrefixes.map((prefix) => rule([matchInterfacePrefix(direction, prefix)], action));
}

/** What forwarded packets are asked by where they go, once where they come from has let them in. */
export function towardsDestination(options: RuleOptions): readonly Rule[] {
  return [
    ...forWorkloads('out', jump(chainNames.toWorkloadDispatch), options),
    rule([], jump(chainNames.toHostForwardDispatch)),
    rule([], jump(chainNames.serviceLoops)),
  ];
}
