import type { LocalWorkloadEndpoint } from '../calc/intents.ts';
import { chain, dispatchMap, rule } from './build.ts';
import type { Chain, DispatchMap } from './model.ts';
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
