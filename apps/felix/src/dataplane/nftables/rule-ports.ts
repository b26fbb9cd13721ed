/**
 * Ports of policies' rules as elements of one set, in place of comparisons in the rules.
 *
 * The kernel looks at every rule of the table when one that looks into a set or decides comes or goes, and at none when
 * an element does. A rule that asks for an IP set looks into that first, and only then for its own number, protocol and
 * port here: other ports are other elements, and the rule stays as it is. A packet whose address is not in the IP set
 * pays nothing for it.
 */
import { createHash } from 'node:crypto';
import type { Expression, SetType } from '@calico-node/netlink/nftables';
import type { Match, Rule } from '../../rules/model.ts';
import { loadPort } from './render-match.ts';

/** The set's name in each table. */
export const rulePortsSet = 'cali-rule-ports';

/** The rule's number in two words, since nft knows no type of 8 bytes that fits. */
export const rulePortsType: SetType = ['mark', 'mark', 'inet_proto', 'inet_service'];

/** Where the key begins: registers in words of 4 bytes. */
const FIRST_WORD = 8;
const NUMBER_BYTES = 8;

type MatchOf<Kind extends Match['kind']> = Extract<Match, { kind: Kind }>;

/** A rule without its ports, and what stands for them. */
export interface RulePorts {
  readonly rule: Rule;
  /** To come behind all other matches. */
  readonly expressions: readonly Expression[];
  /** As `rulePortMember` writes them. */
  readonly members: readonly string[];
}

/** The rule's ports as elements; undefined where it asks for no IP set, or not for single ports of one protocol. */
export function rulePorts(rule: Rule, chain: string, index: number): RulePorts | undefined {
  if (!rule.matches.some((match) => match.kind === 'set' && !match.negated)) return undefined;
  const protocol = onlyProtocol(rule.matches);
  const ports = onlyPorts(rule.matches);
  if (protocol === undefined || ports === undefined || ports.side === 'source') return undefined;
  if (ports.ranges.some(({ first, last }) => first !== last)) return undefined;
  const number = createHash('sha256').update(`${index} ${chain}`).digest().subarray(0, NUMBER_BYTES);
  return {
    rule: { ...rule, matches: rule.matches.filter((match) => match !== protocol && match !== ports) },
    expressions: [
      { type: 'immediate', register: FIRST_WORD, value: number },
      { type: 'meta', key: 'l4proto', register: FIRST_WORD + 2 },
      loadPort('destination', FIRST_WORD + 3),
      { type: 'lookup', set: rulePortsSet, register: FIRST_WORD, inverted: false },
    ],
    members: ports.ranges.map(({ first }) => rulePortMember(number, protocol.protocol, first)),
  };
}

/** `<number in hex>:<protocol>:<port>`. */
export function rulePortMember(number: Uint8Array, protocol: number, port: number): string {
  return `${Buffer.from(number).toString('hex')}:${protocol}:${port}`;
}

export function splitRulePortMember(member: string): { number: Uint8Array; protocol: number; port: number } {
  const [number = '', protocol, port] = member.split(':');
  return { number: Buffer.from(number, 'hex'), protocol: Number(protocol), port: Number(port) };
}

function onlyProtocol(matches: readonly Match[]): MatchOf<'protocol'> | undefined {
  return onlyPositive(matches.filter((match) => match.kind === 'protocol'));
}

function onlyPorts(matches: readonly Match[]): MatchOf<'ports'> | undefined {
  return onlyPositive(matches.filter((match) => match.kind === 'ports'));
}

function onlyPositive<Found extends { readonly negated: boolean }>([only, ...others]: readonly Found[]):
  Found | undefined {
  return only?.negated === true || others.length > 0 ? undefined : only;
}
