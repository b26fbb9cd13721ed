/**
 * The chains that don't depend on single endpoints, and the kernel hooks that lead to them, after
 * `felix/rules/static.go`.
 *
 *   raw PREROUTING      -> cali-PREROUTING   a workload's source address must be its own; untracked policy
 *   raw OUTPUT          -> cali-OUTPUT       untracked policy
 *   mangle PREROUTING   -> cali-PREROUTING   pre-DNAT policy
 *   mangle POSTROUTING  -> cali-POSTROUTING  host endpoints' egress policy, where the destination was translated
 *   filter INPUT        -> cali-INPUT        tunnels from nodes alone; workload to host: egress policy, then endpoint-to-host action
 *   filter FORWARD      -> cali-FORWARD      from-workload dispatch, then to-workload dispatch
 *   filter OUTPUT       -> cali-OUTPUT       host endpoints' egress policy; the host may reach its own workloads
 *   nat POSTROUTING     -> cali-POSTROUTING  masquerade what leaves pools with natOutgoing
 *
 * Host endpoints come in between: see `host-chains.ts`.
 */
import type { Family } from '@calico-node/net';
import {
  allHostsSet,
  ambientMeshSet,
  ipvsServicesSet,
  masqueradePoolsSet,
  networkPoolsSet,
  type IpSetId,
} from '../calc/ip-set.ts';
import { chain, hook, rule } from './build.ts';
import { forWorkloads, renderDispatchChains, towardsDestination } from './dispatch.ts';
import {
  accept,
  clearMarks,
  drop,
  goTo,
  jump,
  matchConntrack,
  matchDestinationTranslated,
  matchIcmp,
  matchInterfacePrefix,
  matchMarked,
  matchProtocol,
  matchSet,
  matchUnmarked,
  protocols,
  returnToCaller,
  setMarks,
} from './matches.ts';
import { renderFailsafeChains } from './failsafe-chains.ts';
import {
  askForwarded,
  asksLate,
  goForwarded,
  markServiceTraffic,
  onlyServiceTraffic,
  passMarked,
  renderIpvsChains,
} from './ipvs.ts';
import { renderTranslationChains, translationHooks } from './floating-addresses.ts';
import { renderVerdictChains } from './look-ups.ts';
import { decisionMarks } from './marks.ts';
import type { Action, Chain, Hook, Rule } from './model.ts';
import { chainNames } from './names.ts';
import { renderNatOutgoing } from './nat-outgoing.ts';
import { openstackLeases, openstackToHost } from './openstack.ts';
import type { RuleOptions } from './options.ts';
import {
  markIncoming,
  masqueradeIntoTunnels,
  renderIncomingMarkChains,
  tunnelInput,
  tunnelOutput,
  untrackedVxlan,
} from './tunnel-rules.ts';
import { allowAction, denyAction } from './verdicts.ts';

/** Neighbour discovery and multicast listener messages that a workload needs to reach its host at all. */
const essentialIcmpv6Types = [130, 131, 132, 133, 135, 136];

/** Where the kernel enters the static chains. `cali-FORWARD`'s verdict falls after foreign rules, hence the appended ones. */
export function renderHooks(options: RuleOptions): readonly Hook[] {
  const { accept: acceptMark } = options.marks;
  const enter = (name: string): readonly Rule[] => [rule([], jump(name))];
  return [
    hook('raw', 'prerouting', enter(chainNames.prerouting)),
    hook('raw', 'output', enter(chainNames.output)),
    hook('mangle', 'prerouting', enter(chainNames.prerouting)),
    hook('mangle', 'postrouting', enter(chainNames.postrouting)),
    hook('filter', 'input', enter(chainNames.input)),
    hook('filter', 'forward', enter(chainNames.forward), [
      rule([matchMarked(acceptMark)], allowAction(options), 'Policy explicitly accepted packet.'),
      // What is forwarded is not the host's own, whose egress policy is asked in mangle later.
      rule([], setMarks(acceptMark)),
    ]),
    hook('filter', 'output', enter(chainNames.output)),
    ...(asksLate(options) ? [hook('filter', 'late-input', enter(chainNames.serviceToHost))] : []),
    ...translationHooks(options),
    hook('nat', 'postrouting', [], enter(chainNames.postrouting)),
  ];
}

/**
 * All static chains of one family, except those that name endpoints or networks: `cali-rpf-skip` (`reverse-path.ts`),
 * `cali-egress-dscp` (`traffic-limits.ts`) and `cali-cidr-block` (`service-loops.ts`).
 */
export function renderStaticChains(family: Family, options: RuleOptions): readonly Chain[] {
  return [
    chain('raw', chainNames.prerouting, rawPrerouting(family, options)),
    chain('raw', chainNames.output, rawOutput(family, options)),
    ...renderIncomingMarkChains(options),
    chain('mangle', chainNames.prerouting, manglePrerouting(options)),
    chain('mangle', chainNames.postrouting, manglePostrouting(options)),
    chain('filter', chainNames.output, output(family, options)),
    chain('filter', chainNames.input, input(family, options)),
    chain('filter', chainNames.workloadToHost, workloadToHost(family, options)),
    chain('filter', chainNames.forward, forward(options)),
    ...renderDispatchChains(options),
    ...renderIpvsChains(options),
    ...(asksLate(options)
      ? [chain('filter', chainNames.serviceToHost, [...onlyServiceTraffic(options), ...toHost(options)])]
      : []),
    ...renderFailsafeChains(family, options),
    ...renderVerdictChains(options),
    chain('nat', chainNames.postrouting, [
      ...(options.floatingIps ? [rule([], jump(chainNames.floatingSnat))] : []),
      rule([], jump(chainNames.natOutgoing)),
      ...masqueradeIntoTunnels(family, options),
    ]),
    renderNatOutgoing(family, options),
    ...renderTranslationChains(family, options),
  ];
}

/** The IP sets that these look into whatever the store holds: they have to be there from the start. */
export function staticSets({ ambientMeshDscp, ipvs }: RuleOptions): readonly IpSetId[] {
  return [
    ...[networkPoolsSet, masqueradePoolsSet, allHostsSet],
    ...(ambientMeshDscp === undefined ? [] : [ambientMeshSet]),
    ...(ipvs === undefined ? [] : [ipvsServicesSet]),
  ];
}

function rawPrerouting(family: Family, options: RuleOptions): readonly Rule[] {
  const { scratch0: fromWorkload, accept: accepted } = options.marks;
  return [
    rule([], clearMarks(decisionMarks(options.marks))),
    ...markIncoming(options),
    ...untrackedVxlan(family, options),
    ...forWorkloads('in', setMarks(fromWorkload), options),
    rule([matchMarked(fromWorkload)], jump(chainNames.reversePathSkip)),
    ...openstackLeases(family, options),
    rule([matchMarked(fromWorkload), { kind: 'reverse-path-failed' }], denyAction(options, 'raw')),
    rule([matchUnmarked(fromWorkload)], jump(chainNames.fromHostDispatch)),
    rule([matchMarked(accepted)], accept),
  ];
}

function rawOutput(family: Family, options: RuleOptions): readonly Rule[] {
  return [
    ...passMarked(options),
    rule([], clearMarks(decisionMarks(options.marks))),
    rule([], jump(chainNames.toHostDispatch)),
    ...untrackedVxlan(family, options),
    rule([matchMarked(options.marks.accept)], accept),
  ];
}

function manglePrerouting(options: RuleOptions): readonly Rule[] {
  const allow = allowAction(options, 'mangle');
  const isAccepted = matchMarked(options.marks.accept);
  return [
    rule([matchConntrack('established', 'related')], allow),
    rule([isAccepted], allow),
    rule([], jump(chainNames.fromHostDispatch)),
    rule([isAccepted], allow, 'Pre-DNAT policy accepted packet.'),
  ];
}

function manglePostrouting(options: RuleOptions): readonly Rule[] {
  const isAccepted = matchMarked(options.marks.accept);
  return [
    ...ambientMesh(options),
    rule([], jump(chainNames.egressDscp)),
    rule([isAccepted], returnToCaller),
    rule([], clearMarks(decisionMarks(options.marks))),
    rule([matchDestinationTranslated()], jump(chainNames.toHostDispatch)),
    rule([isAccepted], returnToCaller, 'Host endpoint policy accepted packet.'),
  ];
}

/** Istio's part on the node knows by the code point which connections it has to take in (`felix/rules/static.go`). */
function ambientMesh(options: RuleOptions): readonly Rule[] {
  const { ambientMeshDscp: value, interfacePrefixes } = options;
  if (value === undefined) return [];
  const isWithin = [matchSet('source', ambientMeshSet), matchSet('destination', ambientMeshSet)];
  const isNew = [matchProtocol(protocols.tcp), matchConntrack('new')];
  return interfacePrefixes.map((prefix) =>
    rule([...isNew, matchInterfacePrefix('out', prefix), ...isWithin], { kind: 'set-dscp', value }),
  );
}

function input(family: Family, options: RuleOptions): readonly Rule[] {
  return [...tunnelInput(family, options), ...markServiceTraffic(options), ...toHost(options)];
}

/** What the host itself is to receive. */
function toHost(options: RuleOptions): readonly Rule[] {
  const isAccepted = matchMarked(options.marks.accept);
  const allow = allowAction(options);
  return [
    ...forWorkloads('in', goTo(chainNames.workloadToHost), options),
    rule([isAccepted], allow),
    rule([], clearMarks(decisionMarks(options.marks))),
    rule([], jump(chainNames.fromHostDispatch)),
    rule([isAccepted], allow, 'Host endpoint policy accepted packet.'),
  ];
}

/** Where the destination was translated, the policy of where it goes now is asked in mangle. */
function output(family: Family, options: RuleOptions): readonly Rule[] {
  const isAccepted = matchMarked(options.marks.accept);
  const allow = allowAction(options);
  return [
    ...goForwarded(options),
    rule([isAccepted], allow),
    ...askForwarded(options),
    ...forWorkloads('out', returnToCaller, options),
    ...tunnelOutput(family, options),
    rule([], clearMarks(decisionMarks(options.marks))),
    rule([matchDestinationTranslated(true)], jump(chainNames.toHostDispatch)),
    rule([isAccepted], allow, 'Host endpoint policy accepted packet.'),
  ];
}

function workloadToHost(family: Family, options: RuleOptions): readonly Rule[] {
  const allow = allowAction(options);
  const essential =
    family === 6
      ? essentialIcmpv6Types.map((type) => rule([matchProtocol(protocols.icmpv6), matchIcmp({ type })], allow))
      : [];
  const action: Record<RuleOptions['defaultEndpointToHostAction'], Action> = {
    ACCEPT: accept,
    RETURN: returnToCaller,
    DROP: drop,
  };
  return [
    ...essential,
    ...openstackToHost(family, options),
    rule([], jump(chainNames.fromWorkloadDispatch)),
    rule([], action[options.defaultEndpointToHostAction], 'Configured DefaultEndpointToHostAction'),
  ];
}

function forward(options: RuleOptions): readonly Rule[] {
  const { accept: acceptMark } = options.marks;
  return [
    rule([], clearMarks(decisionMarks(options.marks) & ~acceptMark)),
    rule([matchUnmarked(acceptMark)], jump(chainNames.fromHostForwardDispatch)),
    ...forWorkloads('in', jump(chainNames.fromWorkloadDispatch), options),
    ...towardsDestination(options),
  ];
}
