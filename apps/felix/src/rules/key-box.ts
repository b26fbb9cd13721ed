/**
 * The packets of one policy rule as boxes: each field of a key in one network, one run of ports, one protocol. What a
 * rule refuses (notNets, notPorts) is cut out of what it asks for, so that boxes need no negation. The boxes of one rule
 * are disjoint.
 */
import {
  addressBits,
  cidrOf,
  familyOf,
  ipFromBigInt,
  ipToBigInt,
  splitCidr,
  type Cidr,
  type Family,
} from '@calico-node/net';
import type { ParsedRule, PortRange } from '../calc/parsed-rule.ts';
import type { KeyField, KeyPart } from './model.ts';

/** One part per field. */
export type Box = readonly KeyPart[];

export interface RuleBoxes {
  readonly fields: readonly KeyField[];
  readonly boxes: readonly Box[];
}

/** A rule that makes more boxes than this is better off as rules. */
const maxBoxesOfRule = 512;

const protocolsWithPorts: readonly (number | undefined)[] = [6, 17, 132];

/** Undefined for a rule that asks what is in no key: IP sets, ICMP types, other protocols than one, nothing at all. */
export function boxesOf(rule: ParsedRule, family: Family): RuleBoxes | undefined {
  if (rule.icmp !== undefined || rule.notIcmp !== undefined || rule.notProtocol !== undefined) return undefined;
  const criteria: (readonly [KeyField, readonly KeyPart[]])[] = [];
  if (rule.protocol !== undefined) criteria.push(['protocol', [{ kind: 'protocol', protocol: rule.protocol }]]);
  for (const side of ['source', 'destination'] as const) {
    const { nets, notNets, sets, notSets, ports, notPorts, namedPorts, notNamedPorts } = rule[side];
    if (sets.length + notSets.length + namedPorts.length + notNamedPorts.length > 0) return undefined;
    if (nets.length + notNets.length > 0) {
      const cidrs = networksOf(nets, notNets, family);
      criteria.push([side, cidrs.map((cidr) => ({ kind: 'net', cidr }))]);
    }
    if (ports.length + notPorts.length > 0) {
      if (!protocolsWithPorts.includes(rule.protocol)) return undefined;
      criteria.push([`${side}-port`, portsOf(ports, notPorts).map((range) => ({ kind: 'ports', ...range }))]);
    }
  }
  if (criteria.length === 0) return undefined;
  const fields = criteria.map(([field]) => field);
  if (rule.ipVersion !== undefined && rule.ipVersion !== family) return { fields, boxes: [] };
  if (criteria.reduce((product, [, parts]) => product * parts.length, 1) > maxBoxesOfRule) return undefined;
  const boxes = criteria.reduce<readonly Box[]>(
    (prefixes, [, parts]) => prefixes.flatMap((prefix) => parts.map((part) => [...prefix, part])),
    [[]],
  );
  return { fields, boxes };
}

/**
 * The networks asked for without those refused, disjoint. As in rules, networks of the other family alone, asked for or
 * refused, leave nothing.
 */
function networksOf(nets: readonly Cidr[], notNets: readonly Cidr[], family: Family): readonly Cidr[] {
  const ours = nets.filter((cidr) => familyOf(cidr) === family);
  const refused = notNets.filter((cidr) => familyOf(cidr) === family);
  if (ours.length === 0 && nets.length > 0) return [];
  if (refused.length === 0 && notNets.length > 0) return [];
  const everything = cidrOf(ipFromBigInt(0n, family), 0);
  let left = withoutContained(nets.length === 0 ? [everything] : ours);
  for (const cidr of refused) left = left.flatMap((each) => subtract(each, cidr));
  return left;
}

/** Networks either contain each other or have nothing in common. */
function contains(outer: Cidr, inner: Cidr): boolean {
  const a = splitCidr(outer);
  const b = splitCidr(inner);
  if (a.prefixLength > b.prefixLength) return false;
  return cidrOf(b.ip, a.prefixLength) === outer;
}

function withoutContained(cidrs: readonly Cidr[]): readonly Cidr[] {
  const distinct = [...new Set(cidrs)];
  return distinct.filter((cidr) => !distinct.some((other) => other !== cidr && contains(other, cidr)));
}

/** What of the network is not in the other: the other halves on the way down to it. */
function subtract(from: Cidr, cidr: Cidr): readonly Cidr[] {
  if (contains(cidr, from)) return [];
  if (!contains(from, cidr)) return [from];
  const { ip, prefixLength, family } = splitCidr(cidr);
  const bits = addressBits(family);
  const value = ipToBigInt(ip);
  const halves: Cidr[] = [];
  for (let length = splitCidr(from).prefixLength + 1; length <= prefixLength; length++) {
    halves.push(cidrOf(ipFromBigInt(value ^ (1n << BigInt(bits - length)), family), length));
  }
  return halves;
}

function portsOf(ports: readonly PortRange[], notPorts: readonly PortRange[]): readonly PortRange[] {
  let left = merged(ports.length === 0 ? [{ first: 0, last: 65535 }] : ports);
  for (const { first, last } of notPorts) {
    left = left.flatMap((range) =>
      [
        { first: range.first, last: Math.min(range.last, first - 1) },
        { first: Math.max(range.first, last + 1), last: range.last },
      ].filter((part) => part.first <= part.last),
    );
  }
  return left;
}

function merged(ranges: readonly PortRange[]): readonly PortRange[] {
  const result: { first: number; last: number }[] = [];
  for (const { first, last } of [...ranges].sort((a, b) => a.first - b.first)) {
    const before = result.at(-1);
    if (before !== undefined && first <= before.last + 1) before.last = Math.max(before.last, last);
    else result.push({ first, last });
  }
  return result;
}
