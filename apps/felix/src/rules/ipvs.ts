/**
 * kube-proxy's IPVS mode, after `felix/rules/static.go` and `epmark.go`. The kernel takes what is sent to a service in
 * as the host's own, translates it, and sends it out as that:
 *
 *   INPUT   cali-forward-check           to a service? then cali-set-endpoint-mark, and nothing else is asked here
 *           cali-sm-<if>                 marks what came in by the interface, which is forgotten on the way
 *   OUTPUT  cali-forward-endpoint-mark   asks as FORWARD does, with the address behind the service:
 *           cali-from-endpoint-mark      the policy of where it came in, by the mark; then that of where it goes
 *
 * A service whose endpoint is the host itself ends at INPUT, where iptables has nothing behind IPVS that could ask;
 * nf_tables has (`cali-service-to-host`).
 *
 * What is known already is asked at INPUT and OUTPUT as what the host itself takes and sends, which lets it pass.
 */
import { ipvsServicesSet } from '../calc/ip-set.ts';
import type { PortRange } from '../calc/parsed-rule.ts';
import { chain, dispatchMap, rule } from './build.ts';
import { towardsDestination } from './dispatch.ts';
import { endpointMarks, markOfOthers } from './endpoint-marks.ts';
import {
  clearMarks,
  goTo,
  jump,
  matchAnyMarked,
  matchConntrack,
  matchInterfacePrefix,
  matchLocal,
  matchMark,
  matchMarked,
  matchPorts,
  matchProtocol,
  matchSet,
  matchUnmarked,
  protocols,
  returnToCaller,
  setMark,
  setMarks,
} from './matches.ts';
import { decisionMarks } from './marks.ts';
import type { Chain, DispatchMap, Match, Rule } from './model.ts';
import { chainNames, endpointMarkChainName, hostChainName, workloadChainName } from './names.ts';
import type { RuleOptions } from './options.ts';
import { packPorts } from './policy-rules.ts';
import { allowAction, denyAction } from './verdicts.ts';

export interface IpvsOptions {
  /** Bits of a packet's mark, at least two, for the number of the endpoint that it came from. */
  readonly marks: number;
  /** KubeNodePortRanges: the host's own ports that are services'. */
  readonly nodePorts: readonly PortRange[];
}

/** The interfaces that endpoints have. */
export interface MarkedInterfaces {
  readonly workloads: Iterable<string>;
  /** Without `*`, which is told of by itself. */
  readonly hosts: Iterable<string>;
  readonly hasWildcard: boolean;
}

/** At INPUT: marks what goes on to a service, and leaves it to IPVS. */
export function markServiceTraffic({ ipvs }: RuleOptions): readonly Rule[] {
  if (ipvs === undefined) return [];
  return [
    rule([], clearMarks(ipvs.marks)),
    rule([], jump(chainNames.forwardCheck)),
    rule([matchAnyMarked(ipvs.marks)], returnToCaller),
  ];
}

/** Whether what a service leads to the host itself with is asked for: see above. */
export function asksLate({ ipvs, lateInput }: RuleOptions): boolean {
  return ipvs !== undefined && lateInput;
}

/** At INPUT behind IPVS: ends the chain for all else. */
export function onlyServiceTraffic({ ipvs }: RuleOptions): readonly Rule[] {
  return ipvs === undefined
    ? []
    : [rule([matchUnmarked(ipvs.marks)], returnToCaller), rule([], clearMarks(ipvs.marks))];
}

/** At OUTPUT in `raw`: what is sent on is neither asked as the host's own nor forgets who has let it in. */
export function passMarked({ ipvs }: RuleOptions): readonly Rule[] {
  return ipvs === undefined ? [] : [rule([matchAnyMarked(ipvs.marks)], returnToCaller)];
}

/** At OUTPUT in `filter`, before anything else: what came in for a service is forwarded. */
export function goForwarded({ ipvs }: RuleOptions): readonly Rule[] {
  return ipvs === undefined ? [] : [rule([matchAnyMarked(ipvs.marks)], goTo(chainNames.forwardMarked))];
}

/**
 * At OUTPUT in `filter`. What comes through without a mark, as where a service's address is newer than our set of them,
 * is still asked the policy of the workload that it goes to.
 */
export function askForwarded(options: RuleOptions): readonly Rule[] {
  const { ipvs, marks, interfacePrefixes } = options;
  if (ipvs === undefined) return [];
  const isForwarded: Match = { kind: 'local-address', side: 'source', negated: true };
  return [
    ...interfacePrefixes.map((prefix) =>
      rule([isForwarded, matchInterfacePrefix('out', prefix)], jump(chainNames.toWorkloadDispatch)),
    ),
    rule([matchMarked(marks.accept)], allowAction(options)),
  ];
}

/** The chains of which each is there once. */
export function renderIpvsChains(options: RuleOptions): readonly Chain[] {
  const { ipvs } = options;
  if (ipvs === undefined) return [];
  return [
    chain('filter', chainNames.forwardCheck, forwardCheck(ipvs)),
    chain('filter', chainNames.forwardMarked, forwardMarked(ipvs, options)),
    chain('filter', chainNames.setEndpointMark, [
      rule([], { kind: 'dispatch', map: chainNames.setEndpointMark }),
      ...options.interfacePrefixes.map((prefix) =>
        rule([matchInterfacePrefix('in', prefix)], denyAction(options), 'Unknown interface'),
      ),
      rule([], setMark(ipvs.marks, markOfOthers(ipvs.marks))),
    ]),
  ];
}

/** Interface name to the chain that marks its packets. */
export function renderMarkDispatch(interfaces: Iterable<string>): DispatchMap {
  const entries = [...interfaces].map((interfaceName) => ({
    interfaceName,
    chain: endpointMarkChainName(interfaceName),
  }));
  return dispatchMap('filter', chainNames.setEndpointMark, 'in-interface', entries);
}

/** The chain that marks what comes in by the interface. Without a mark, it goes to no service. */
export function renderMarkChain(
  interfaceName: string,
  mark: number | undefined,
  { marks }: IpvsOptions,
  options: RuleOptions,
): Chain {
  const only =
    mark === undefined
      ? rule([], denyAction(options), 'The mask of marks has too few bits for all endpoints')
      : rule([], setMark(marks, mark));
  return chain('filter', endpointMarkChainName(interfaceName), [only]);
}

/**
 * What each mark leads to. The work is that of all endpoints.
 *
 * @param marks of interfaces, as `endpointMarks` gives them
 */
export function renderFromMarkChain(
  { workloads, hosts, hasWildcard }: MarkedInterfaces,
  marks: ReadonlyMap<string, number>,
  ipvs: IpvsOptions,
  options: RuleOptions,
): Chain {
  const { maxChainNameLength } = options;
  const isOpen = matchUnmarked(options.marks.accept);
  const forwardChain = (name: string): string => hostChainName(name, 'from-forward', maxChainNameLength);
  const eachMarked = (names: Iterable<string>, render: (isFrom: Match, name: string) => readonly Rule[]) =>
    [...names].sort().flatMap((name) => {
      const mark = marks.get(name);
      return mark === undefined ? [] : render(matchMark(ipvs.marks, mark), name);
    });
  return chain('filter', chainNames.fromEndpointMark, [
    // What pre-DNAT policy has let in is not asked again, here as in FORWARD.
    ...eachMarked(hosts, (isFrom, name) => [
      rule([isFrom, isOpen], goTo(forwardChain(name))),
      rule([isFrom], returnToCaller),
    ]),
    ...(hasWildcard ? [rule([isOpen], jump(forwardChain('*')))] : []),
    rule([matchMark(ipvs.marks, markOfOthers(ipvs.marks))], returnToCaller),
    ...eachMarked(workloads, (isFrom, name) => [rule([isFrom], goTo(workloadChainName(name, 'egress')))]),
    rule([], denyAction(options), 'Unknown endpoint'),
  ]);
}

/** All chains that depend on which interfaces there are. */
export function renderMarkChains(
  interfaces: MarkedInterfaces,
  ipvs: IpvsOptions,
  options: RuleOptions,
): readonly Chain[] {
  const names = [...interfaces.workloads, ...interfaces.hosts];
  const marks = endpointMarks(names, ipvs.marks);
  return [
    ...names.map((name) => renderMarkChain(name, marks.get(name), ipvs, options)),
    renderFromMarkChain(interfaces, marks, ipvs, options),
  ];
}

function forwardCheck({ nodePorts }: IpvsOptions): readonly Rule[] {
  const mark = goTo(chainNames.setEndpointMark);
  return [
    // An answer to the host's own process is for the host, whatever address it used.
    rule([matchConntrack('established', 'related')], returnToCaller),
    ...packPorts(nodePorts).flatMap((ports) =>
      [protocols.tcp, protocols.udp].map((protocol) =>
        rule(
          [matchProtocol(protocol), matchPorts('destination', ports), matchLocal('destination')],
          mark,
          'To a node port',
        ),
      ),
    ),
    rule([matchSet('destination', ipvsServicesSet)], mark, 'To a service'),
  ];
}

function forwardMarked(ipvs: IpvsOptions, options: RuleOptions): readonly Rule[] {
  const { accept: acceptMark } = options.marks;
  return [
    rule([], clearMarks(decisionMarks(options.marks) & ~acceptMark)),
    rule([], jump(chainNames.fromEndpointMark)),
    ...towardsDestination(options),
    // The packets of a tunnel have the marks of what they carry.
    rule([], clearMarks(ipvs.marks)),
    rule([matchMarked(acceptMark)], allowAction(options), 'Policy explicitly accepted packet.'),
    rule([], setMarks(acceptMark)),
  ];
}
