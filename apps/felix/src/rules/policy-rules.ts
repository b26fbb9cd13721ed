/**
 * One rule of a policy as packet-filter rules, after `felix/rules/policy.go`.
 *
 * A packet-filter rule is a conjunction. Where a policy rule has alternatives (several networks,
 * more ports than one match holds, numbered ports beside named ones) they become a match block:
 * rules that compute into a scratch bit of the mark whether one of them holds. scratch0 stands for
 * "all blocks so far hold", scratch1 for "this block holds". A block of refusals (several notNets)
 * clears scratch0 instead.
 */
import { familyOf, type Cidr, type Family } from '@calico-node/net';
import type { IcmpMatch, ParsedEntity, ParsedRule, PortRange } from '../calc/parsed-rule.ts';
import { rule } from './build.ts';
import {
  clearMarks,
  matchIcmp,
  matchLimit,
  matchMarked,
  matchNet,
  matchPortSet,
  matchPorts,
  matchProtocol,
  matchSet,
  matchUnmarked,
  protocols,
  returnToCaller,
  setMarks,
} from './matches.ts';
import type { Action, Layer, Match, Rule, Side } from './model.ts';
import type { RuleOptions } from './options.ts';
import { denyAction } from './verdicts.ts';

/** Slots of iptables' multiport match; a range takes two. */
const portSlots = 15;

/** Alternatives of one criterion, each a conjunction: one must hold, or with `negated` none may. */
interface Block {
  readonly alternatives: readonly (readonly Match[])[];
  readonly negated: boolean;
}

/** All of the conjunction and every block must hold. */
interface Criteria {
  readonly conjunction: readonly Match[];
  readonly blocks: readonly Block[];
}

/** The rules for one policy rule; none when it can match nothing of this family. With `flowLog` its packets are told of. */
export function renderPolicyRule(
  parsed: ParsedRule,
  family: Family,
  options: RuleOptions,
  layer: Layer = 'filter',
  flowLog?: Action,
): readonly Rule[] {
  const criteria = criteriaOf(parsed, family);
  if (criteria === undefined) return [];
  const { conjunction, blocks } = criteria;
  const matches = blocks.length > 0 ? [matchMarked(options.marks.scratch0), ...conjunction] : conjunction;
  const [first, ...rest] = [
    ...renderBlocks(blocks, options),
    ...verdictRules(parsed.action, matches, options, layer, flowLog),
  ];
  if (first === undefined || parsed.annotations === undefined) return first === undefined ? [] : [first, ...rest];
  const comment = Object.entries(parsed.annotations)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
    .join('; ');
  return comment === '' ? [first, ...rest] : [rule(first.matches, first.action, comment), ...rest];
}

function verdictRules(
  action: ParsedRule['action'],
  matches: readonly Match[],
  options: RuleOptions,
  layer: Layer,
  flowLog: Action | undefined,
): readonly Rule[] {
  const markAnd = (bit: number, end: Action): readonly Rule[] => [
    rule(matches, setMarks(bit)),
    ...(flowLog === undefined ? [] : [rule([matchMarked(bit)], flowLog)]),
    rule([matchMarked(bit)], end),
  ];
  const deny = denyAction(options, layer);
  switch (action) {
    case 'allow':
      return markAnd(options.marks.accept, returnToCaller);
    case 'pass':
      return markAnd(options.marks.pass, returnToCaller);
    case 'deny':
      return flowLog === undefined ? [rule(matches, deny)] : markAnd(options.marks.drop, deny);
    case 'log':
      return [rule([...matches, ...logLimit(options)], { kind: 'log', prefix: options.logPrefix })];
  }
}

function logLimit({ logRate }: RuleOptions): readonly Match[] {
  return logRate === undefined ? [] : [matchLimit(logRate.packets, logRate.per, logRate.burst)];
}

function renderBlocks(blocks: readonly Block[], options: RuleOptions): readonly Rule[] {
  const { scratch0: all, scratch1: current } = options.marks;
  return blocks.flatMap(({ alternatives, negated }, index) => {
    const each = (action: Action) => alternatives.map((matches) => rule(matches, action));
    const isFirst = index === 0;
    if (negated) return [...(isFirst ? [rule([], setMarks(all))] : []), ...each(clearMarks(all))];
    if (isFirst) return [rule([], clearMarks(all)), ...each(setMarks(all))];
    return [rule([], clearMarks(current)), ...each(setMarks(current)), rule([matchUnmarked(current)], clearMarks(all))];
  });
}

/** What the rule asks, or nothing when no packet of the family can satisfy it. */
function criteriaOf(parsed: ParsedRule, family: Family): Criteria | undefined {
  if (parsed.ipVersion !== undefined && parsed.ipVersion !== family) return undefined;
  const icmpProtocol = family === 4 ? protocols.icmp : protocols.icmpv6;
  if (parsed.icmp !== undefined && parsed.protocol !== icmpProtocol) return undefined;

  const required: Block[] = [];
  const refused: Block[] = [];
  for (const side of ['source', 'destination'] as const) {
    const entity = parsed[side];
    const nets = ofFamily(entity.nets, family);
    const notNets = ofFamily(entity.notNets, family);
    // As Felix: networks of the other family alone make the rule one for that family, refused ones too.
    if (nets.length === 0 && entity.nets.length > 0) return undefined;
    if (notNets.length === 0 && entity.notNets.length > 0) return undefined;
    required.push(...requiredOf(side, entity, nets, parsed.protocol));
    refused.push(...refusedOf(side, entity, notNets));
  }
  const protocol = parsed.protocol === undefined ? [] : [matchProtocol(parsed.protocol)];
  const icmp = parsed.icmp === undefined ? [] : [matchIcmp(parsed.icmp)];
  const notProtocol = parsed.notProtocol === undefined ? [] : [matchProtocol(parsed.notProtocol, true)];
  if (parsed.notIcmp !== undefined) refused.push(refusedIcmp(parsed.notIcmp, icmpProtocol, parsed.protocol));
  const singles = (blocks: readonly Block[]) =>
    blocks.filter(isSingle).flatMap(({ alternatives }) => alternatives.flat());
  return {
    conjunction: [...protocol, ...singles(required), ...icmp, ...notProtocol, ...singles(refused)],
    blocks: [...required, ...refused].filter((block) => !isSingle(block)),
  };
}

/** A required criterion with one alternative, or a refusal that could be turned into a negated match. */
function isSingle(block: Block): boolean {
  return block.alternatives.length === 1 && !block.negated;
}

function requiredOf(
  side: Side,
  entity: ParsedEntity,
  nets: readonly Cidr[],
  protocol: number | undefined,
): readonly Block[] {
  const guard = protocol === undefined ? [] : [matchProtocol(protocol)];
  const ports = packPorts(entity.ports).map((ranges) => matchPorts(side, ranges));
  const named = entity.namedPorts.map((set) => matchPortSet(side, set));
  const portChoices = [...ports, ...named];
  return [
    anyOf(nets.map((cidr) => [matchNet(side, cidr)])),
    ...entity.sets.map((set) => anyOf([[matchSet(side, set)]])),
    // Alone, the match stands behind the rule's own protocol match; in a block it needs its own.
    anyOf(portChoices.length === 1 ? [portChoices] : portChoices.map((match) => [...guard, match])),
  ].filter(({ alternatives }) => alternatives.length > 0);
}

function refusedOf(side: Side, entity: ParsedEntity, notNets: readonly Cidr[]): readonly Block[] {
  const [only] = notNets;
  const nets: Block =
    only !== undefined && notNets.length === 1
      ? anyOf([[matchNet(side, only, true)]])
      : { alternatives: notNets.map((cidr) => [matchNet(side, cidr)]), negated: true };
  return [
    nets,
    ...entity.notSets.map((set) => anyOf([[matchSet(side, set, true)]])),
    ...packPorts(entity.notPorts).map((ranges) => anyOf([[matchPorts(side, ranges, true)]])),
    ...entity.notNamedPorts.map((set) => anyOf([[matchPortSet(side, set, true)]])),
  ].filter(({ alternatives }) => alternatives.length > 0);
}

/** Where the rule asks for ICMP anyway, one negated match; else what is not ICMP at all passes too. */
function refusedIcmp(notIcmp: IcmpMatch, icmpProtocol: number, protocol: number | undefined): Block {
  if (protocol === icmpProtocol) return anyOf([[matchIcmp(notIcmp, true)]]);
  return { alternatives: [[matchProtocol(icmpProtocol), matchIcmp(notIcmp)]], negated: true };
}

function anyOf(alternatives: readonly (readonly Match[])[]): Block {
  return { alternatives, negated: false };
}

function ofFamily(nets: readonly Cidr[], family: Family): readonly Cidr[] {
  return nets.filter((cidr) => familyOf(cidr) === family);
}

/** Splits port ranges so that each part fits one multiport match. */
export function packPorts(ranges: readonly PortRange[]): readonly (readonly PortRange[])[] {
  const packs: PortRange[][] = [];
  let free = 0;
  for (const range of ranges) {
    const slots = range.first === range.last ? 1 : 2;
    if (slots > free) {
      packs.push([]);
      free = portSlots;
    }
    packs.at(-1)?.push(range);
    free -= slots;
  }
  return packs;
}
