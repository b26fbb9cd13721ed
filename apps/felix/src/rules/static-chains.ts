/**
 * The chains that don't depend on single endpoints, and the kernel hooks that lead to them, after
 * `felix/rules/static.go`.
 *
 *   raw PREROUTING    -> cali-PREROUTING   a workload's source address must be its own
 *   filter INPUT      -> cali-INPUT        workload to host: egress policy, then endpoint-to-host action
 *   filter FORWARD    -> cali-FORWARD      from-workload dispatch, then to-workload dispatch
 *   nat POSTROUTING   -> cali-POSTROUTING  masquerade what leaves pools with natOutgoing
 *
 * Without host endpoints there is nothing to ask of packets that the host itself sends: it may reach
 * its own workloads, as in Calico, so no OUTPUT hook is taken.
 */
import type { Family } from '@calico-node/net';
import { allHostsSet, masqueradePoolsSet, networkPoolsSet } from '../calc/ip-set.ts';
import { chain, hook, rule } from './build.ts';
import { renderDispatchChains } from './dispatch.ts';
import {
  accept,
  clearMarks,
  goTo,
  jump,
  matchIcmp,
  matchInterfacePrefix,
  matchMarked,
  matchProtocol,
  matchSet,
  protocols,
  returnToCaller,
  setMarks,
} from './matches.ts';
import type { Action, Chain, Hook, Match, Rule } from './model.ts';
import { chainNames } from './names.ts';
import type { RuleOptions } from './options.ts';
import { allowAction, denyAction } from './verdicts.ts';

/** Neighbour discovery and multicast listener messages that a workload needs to reach its host at all. */
const essentialIcmpv6Types = [130, 131, 132, 133, 135, 136];

/** Where the kernel enters the static chains. `cali-FORWARD`'s verdict falls after foreign rules, hence the appended ones. */
export function renderHooks(options: RuleOptions): readonly Hook[] {
  const { accept: acceptMark } = options.marks;
  const enter = (name: string): readonly Rule[] => [rule([], jump(name))];
  return [
    hook('raw', 'prerouting', enter(chainNames.prerouting)),
    hook('filter', 'input', enter(chainNames.input)),
    hook('filter', 'forward', enter(chainNames.forward), [
      rule([matchMarked(acceptMark)], allowAction(options), 'Policy explicitly accepted packet.'),
    ]),
    hook('nat', 'postrouting', [], enter(chainNames.postrouting)),
  ];
}

/** All static chains of one family, except `cali-rpf-skip` (`reverse-path.ts`), which names interfaces. */
export function renderStaticChains(family: Family, options: RuleOptions): readonly Chain[] {
  return [
    chain('raw', chainNames.prerouting, rawPrerouting(options)),
    chain('filter', chainNames.input, input(options)),
    chain('filter', chainNames.workloadToHost, workloadToHost(family, options)),
    chain('filter', chainNames.forward, forward(options)),
    ...renderDispatchChains(options),
    chain('nat', chainNames.postrouting, [rule([], jump(chainNames.natOutgoing))]),
    chain('nat', chainNames.natOutgoing, natOutgoing(options)),
  ];
}

function allMarks({ marks }: RuleOptions): number {
  return marks.accept | marks.pass | marks.drop | marks.scratch0 | marks.scratch1;
}

function forWorkloads(direction: 'in' | 'out', action: Action, options: RuleOptions): readonly Rule[] {
  return options.interfacePrefixes.map((prefix) => rule([matchInterfacePrefix(direction, prefix)], action));
}

function rawPrerouting(options: RuleOptions): readonly Rule[] {
  const fromWorkload = options.marks.scratch0;
  const check = options.enforceReversePath
    ? [
        ...forWorkloads('in', setMarks(fromWorkload), options),
        rule([matchMarked(fromWorkload)], jump(chainNames.reversePathSkip)),
        rule(
          [matchMarked(fromWorkload), { kind: 'reverse-path-failed' }],
          denyAction({ ...options, filterDenyAction: 'DROP' }),
        ),
      ]
    : [];
  return [rule([], clearMarks(allMarks(options))), ...check];
}

function input(options: RuleOptions): readonly Rule[] {
  return forWorkloads('in', goTo(chainNames.workloadToHost), options);
}

function workloadToHost(family: Family, options: RuleOptions): readonly Rule[] {
  const allow = allowAction(options);
  const essential =
    family === 6
      ? essentialIcmpv6Types.map((type) => rule([matchProtocol(protocols.icmpv6), matchIcmp({ type })], allow))
      : [];
  const toHost: Record<RuleOptions['defaultEndpointToHostAction'], Action> = {
    ACCEPT: accept,
    RETURN: returnToCaller,
    DROP: denyAction(options),
  };
  return [
    ...essential,
    rule([], jump(chainNames.fromWorkloadDispatch)),
    rule([], toHost[options.defaultEndpointToHostAction], 'Configured DefaultEndpointToHostAction'),
  ];
}

function forward(options: RuleOptions): readonly Rule[] {
  const { accept: acceptMark } = options.marks;
  return [
    rule([], clearMarks(allMarks(options) & ~acceptMark)),
    ...forWorkloads('in', jump(chainNames.fromWorkloadDispatch), options),
    ...forWorkloads('out', jump(chainNames.toWorkloadDispatch), options),
  ];
}

function natOutgoing(options: RuleOptions): readonly Rule[] {
  const matches: readonly Match[] = [
    matchSet('source', masqueradePoolsSet),
    matchSet('destination', networkPoolsSet, true),
    ...(options.natOutgoingExclusions === 'IPPoolsAndHostIPs' ? [matchSet('destination', allHostsSet, true)] : []),
  ];
  return [rule(matches, { kind: 'masquerade' })];
}
