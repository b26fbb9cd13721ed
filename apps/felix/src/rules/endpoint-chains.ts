/**
 * The body of an endpoint's chain, after `felix/rules/endpoints.go`: one for packets to the endpoint or from it, of one
 * stage. An allowed packet leaves with the accept mark set; a denied one is dropped here.
 */
import type { EndpointTier, PolicyGroup } from '../calc/intents.ts';
import { rule } from './build.ts';
import { flowLogOfNoProfile, flowLogOfTierEnd } from './flow-logs.ts';
import { clearMarks, jump, matchConntrack, matchMarked, matchUnmarked, returnToCaller, setMarks } from './matches.ts';
import type { Layer, Rule } from './model.ts';
import { groupChainName, policyChainName, profileChainName, type Direction } from './names.ts';
import type { RuleOptions } from './options.ts';
import { isShared, type GroupChain } from './policy-groups.ts';
import { allowAction, denyAction, denyWord } from './verdicts.ts';

/** One chain of an endpoint. */
export interface EndpointChain {
  readonly layer: Layer;
  readonly direction: Direction;
  /**
   * `normal` ends with the profiles, and drops what they do not allow. `forward` allows what no policy speaks of.
   * `untracked` and `pre-dnat` leave it undecided: their tiers have no default action.
   */
  readonly stage: 'normal' | 'forward' | 'untracked' | 'pre-dnat';
  readonly tiers: readonly EndpointTier[];
  readonly profiles: readonly string[];
  /** The chain of failsafe ports, which policy can't close. */
  readonly failsafes?: string;
  /** Where nothing decides, it is told of too; what a rule decides, the rule's own chain tells. */
  readonly tellsFlows?: boolean;
  /** Rules that every packet meets, of whatever connection. */
  readonly first?: readonly Rule[];
  /** Rules that packets of new connections meet before policy. */
  readonly before?: readonly Rule[];
}

export function endpointRules(shape: EndpointChain, options: RuleOptions): readonly Rule[] {
  const { layer, direction, stage, tiers, profiles, failsafes, first = [], before = [] } = shape;
  const { accept, pass } = options.marks;
  const hasPolicy = tiers.some((tier) => tier[direction].length > 0);
  return [
    ...first,
    ...(stage === 'untracked' ? [] : conntrackRules(shape, options)),
    ...(failsafes === undefined ? [] : [rule([], jump(failsafes))]),
    rule([], clearMarks(accept | pass)),
    ...before,
    ...tiers.flatMap((tier) => tierRules(tier, shape, options)),
    ...(stage === 'forward' && !hasPolicy ? [rule([], setMarks(accept), 'Allow forwarded traffic by default')] : []),
    ...(stage === 'normal'
      ? [
          ...profiles.flatMap((profile) => [
            rule([], jump(profileChainName(profile, direction, options.maxChainNameLength))),
            rule([matchMarked(accept)], returnToCaller, 'Return if profile accepted'),
          ]),
          ...(shape.tellsFlows === true ? [rule([], flowLogOfNoProfile(direction))] : []),
          rule([], denyAction(options, layer), `${denyWord(options, layer)} if no profiles matched`),
        ]
      : []),
  ];
}

/** The shared chains that the endpoint's chain jumps to. */
export function groupChainsOf({ layer, direction, tiers }: EndpointChain): readonly GroupChain[] {
  return tiers.flatMap((tier) => tier[direction].filter(isShared).map((group) => ({ layer, direction, group })));
}

function conntrackRules({ layer, direction }: EndpointChain, options: RuleOptions): readonly Rule[] {
  const isReply = [matchConntrack('established', 'related')];
  // What others do in mangle to what leaves, such as its maximum segment size, is to be done to what is allowed too.
  const allow = layer === 'mangle' && direction === 'egress' ? returnToCaller : allowAction(options, layer);
  return [
    ...(allow.kind === 'accept' ? [] : [rule(isReply, setMarks(options.marks.accept))]),
    rule(isReply, allow),
    ...(options.disableConntrackInvalidCheck ? [] : [rule([matchConntrack('invalid')], denyAction(options, layer))]),
  ];
}

function tierRules(tier: EndpointTier, shape: EndpointChain, options: RuleOptions): readonly Rule[] {
  const { layer, direction, stage } = shape;
  const groups = tier[direction];
  if (groups.length === 0) return [];
  const { accept, pass } = options.marks;
  const hasDefault = (stage === 'normal' || stage === 'forward') && tier.defaultAction !== 'Pass';
  return [
    rule([], clearMarks(pass), `Start of tier ${tier.name}`),
    ...groups.flatMap((group) => [
      ...chainsToAsk(group, direction, options).flatMap((name) => [
        rule([matchUnmarked(pass)], jump(name)),
        ...(stage === 'untracked' ? [rule([matchMarked(accept)], { kind: 'notrack' })] : []),
        rule([matchMarked(accept)], returnToCaller, 'Return if policy accepted'),
      ]),
    ]),
    ...(shape.tellsFlows === true
      ? [rule([matchUnmarked(pass)], flowLogOfTierEnd(hasDefault ? 'deny' : 'pass', direction, tier.name))]
      : []),
    ...(hasDefault
      ? [
          rule(
            [matchUnmarked(pass)],
            denyAction(options, layer),
            `End of tier ${tier.name}. ${denyWord(options, layer)} if no policies passed packet`,
          ),
        ]
      : []),
  ];
}

function chainsToAsk(group: PolicyGroup, direction: Direction, options: RuleOptions): readonly string[] {
  if (isShared(group)) return [groupChainName(group, direction)];
  return group.policies.map((policy) => policyChainName(policy, direction, options.maxChainNameLength));
}
