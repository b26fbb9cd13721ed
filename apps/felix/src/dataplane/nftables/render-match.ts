import { addressBits, familyOf, ipToBytes, splitCidr, type Cidr, type Family } from '@calico-node/net';
import {
  conntrackStateBit,
  conntrackStatusBit,
  interfaceNameKey,
  intervalElements,
  type Expression,
} from '@calico-node/netlink/nftables';
import type { IpSetId } from '../../calc/ip-set.ts';
import type { PortRange } from '../../calc/parsed-rule.ts';
import type { Match, RateUnit, Side } from '../../rules/model.ts';

/** What rules refer to beside themselves. */
export interface RenderContext {
  readonly family: Family;
  /** The kernel sets that together hold the members of a set; none where no address of the family is in any set. */
  readonly setParts: (id: IpSetId) => readonly string[];
}

/**
 * Ways in which a match can hold, each a run of expressions that must all hold; none: it never does. Only
 * positive set matches have more than one, and theirs are disjoint where `isDisjoint` asks for it.
 */
export type Alternatives = readonly (readonly Expression[])[];

const always: Alternatives = [[]];
const never: Alternatives = [];

/** Register 1 in whole, and its space in words for concatenations. */
const REGISTER = 1;
const FIRST_WORD = 8;

export function renderMatch(match: Match, context: RenderContext, isDisjoint: boolean): Alternatives {
  const { family } = context;
  switch (match.kind) {
    case 'protocol':
      return [
        [{ type: 'meta', key: 'l4proto', register: REGISTER }, compare(Uint8Array.of(match.protocol), match.negated)],
      ];
    case 'net':
      return renderNet(match.side, match.cidr, match.negated, family);
    case 'set':
      return renderSet(match.side, context.setParts(match.set), match.negated, isDisjoint, family);
    case 'port-set': {
      const [set] = context.setParts(match.set);
      if (set === undefined) return match.negated ? always : never;
      return [
        [
          loadAddress(match.side, family),
          { type: 'meta', key: 'l4proto', register: FIRST_WORD + addressBits(family) / 32 },
          loadPort(match.side, FIRST_WORD + addressBits(family) / 32 + 1),
          { type: 'lookup', set, register: REGISTER, inverted: match.negated },
        ],
      ];
    }
    case 'ports':
      return [[loadPort(match.side, REGISTER), testPorts(match.ranges, match.negated)]];
    case 'icmp': {
      const value = match.code === undefined ? Uint8Array.of(match.type) : Uint8Array.of(match.type, match.code);
      return [
        [
          { type: 'payload', base: 'transport', offset: 0, length: value.length, register: REGISTER },
          compare(value, match.negated),
        ],
      ];
    }
    case 'conntrack-state': {
      const bits = match.states.reduce((sum, state) => sum | conntrackStateBit[state], 0);
      return [[{ type: 'ct', key: 'state', register: REGISTER }, ...testBits(bits, !match.negated)]];
    }
    case 'conntrack-dnat':
      return [
        [
          { type: 'ct', key: 'status', register: REGISTER },
          ...testBits(conntrackStatusBit.destinationNat, !match.negated),
        ],
      ];
    case 'mark':
      return [
        [
          { type: 'meta', key: 'mark', register: REGISTER },
          { type: 'bitwise', register: REGISTER, mask: hostWord(match.mask), xor: hostWord(0) },
          compare(hostWord(match.value), match.negated),
        ],
      ];
    case 'interface': {
      const value = match.prefix ? new TextEncoder().encode(match.name) : interfaceNameKey(match.name);
      if (value.length === 0) return match.negated ? never : always;
      const key = match.direction === 'in' ? 'iifname' : 'oifname';
      return [[{ type: 'meta', key, register: REGISTER }, compare(value, match.negated)]];
    }
    case 'local-address': {
      const limit =
        match.limitInterface === undefined ? [] : ([match.limitInterface === 'in' ? 'iif' : 'oif'] as const);
      const flags = [match.side === 'source' ? ('saddr' as const) : ('daddr' as const), ...limit];
      return [
        [{ type: 'fib', result: 'addrtype', flags, register: REGISTER }, compare(hostWord(RTN_LOCAL), match.negated)],
      ];
    }
    case 'limit':
      return [
        [
          {
            type: 'limit',
            rate: BigInt(match.packets),
            perSeconds: secondsPer[match.per],
            burst: match.burst,
            over: false,
          },
        ],
      ];
    case 'connections-above':
      return [[{ type: 'connection-limit', count: match.limit, over: true }]];
    case 'reverse-path-failed':
      return [
        [
          { type: 'fib', result: 'oif', flags: ['saddr', 'mark', 'iif'], register: REGISTER },
          compare(hostWord(0), false),
        ],
      ];
  }
}

const RTN_LOCAL = 2;

const secondsPer: Readonly<Record<RateUnit, bigint>> = { second: 1n, minute: 60n, hour: 3600n, day: 86400n };

/** A register value that the kernel holds in its own byte order: marks, states, interface indexes. */
export function hostWord(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

/** A port as it stands in packets. */
export function portBytes(port: number): Uint8Array {
  return Uint8Array.of(port >> 8, port & 0xff);
}

function compare(value: Uint8Array, negated: boolean): Expression {
  return { type: 'cmp', register: REGISTER, op: negated ? 'ne' : 'eq', value };
}

/** Whether any of the bits is set, or with `wanted` false whether none is. */
function testBits(bits: number, wanted: boolean): readonly Expression[] {
  return [
    { type: 'bitwise', register: REGISTER, mask: hostWord(bits), xor: hostWord(0) },
    { type: 'cmp', register: REGISTER, op: wanted ? 'ne' : 'eq', value: hostWord(0) },
  ];
}

/** Offsets of RFC 791 3.1 and RFC 8200 3. */
export function loadAddress(
  side: Side,
  family: Family,
  length = addressBits(family) / 8,
): Extract<Expression, { type: 'payload' }> {
  const source = family === 4 ? 12 : 8;
  const offset = side === 'source' ? source : source + addressBits(family) / 8;
  return { type: 'payload', base: 'network', offset, length, register: REGISTER };
}

export function loadPort(side: Side, register: number): Expression {
  return { type: 'payload', base: 'transport', offset: side === 'source' ? 0 : 2, length: 2, register };
}

function renderNet(side: Side, cidr: Cidr, negated: boolean, family: Family): Alternatives {
  const { ip, prefixLength } = splitCidr(cidr);
  if (familyOf(cidr) !== family) return negated ? always : never;
  if (prefixLength === 0) return negated ? never : always;
  const bytes = ipToBytes(ip);
  if (prefixLength % 8 === 0) {
    // As nft does: only the bytes that count are loaded.
    const length = prefixLength / 8;
    return [[loadAddress(side, family, length), compare(bytes.slice(0, length), negated)]];
  }
  const mask = bytes.map((_, index) => (0xff << (8 - Math.min(8, Math.max(0, prefixLength - index * 8)))) & 0xff);
  return [
    [
      loadAddress(side, family),
      { type: 'bitwise', register: REGISTER, mask, xor: new Uint8Array(mask.length) },
      compare(bytes, negated),
    ],
  ];
}

function renderSet(
  side: Side,
  parts: readonly string[],
  negated: boolean,
  isDisjoint: boolean,
  family: Family,
): Alternatives {
  const lookup = (set: string, inverted: boolean): Expression => ({
    type: 'lookup',
    set,
    register: REGISTER,
    inverted,
  });
  if (parts.length === 0) return negated ? always : never;
  const load = loadAddress(side, family);
  if (negated) return [[load, ...parts.map((part) => lookup(part, true))]];
  return parts.map((part, index) => [
    load,
    ...(isDisjoint ? parts.slice(0, index).map((earlier) => lookup(earlier, true)) : []),
    lookup(part, false),
  ]);
}

function testPorts(ranges: readonly PortRange[], negated: boolean): Expression {
  const merged = mergeRanges(ranges);
  const [only] = merged;
  if (only !== undefined && merged.length === 1) {
    const { first, last } = only;
    return first === last
      ? compare(portBytes(first), negated)
      : { type: 'range', register: REGISTER, negated, from: portBytes(first), to: portBytes(last) };
  }
  const interval = merged.some(({ first, last }) => first !== last);
  const elements = merged.flatMap(({ first, last }) =>
    interval ? intervalElements({ first: portBytes(first), last: portBytes(last) }) : [{ key: portBytes(first) }],
  );
  return { type: 'lookup', register: REGISTER, inverted: negated, set: { type: ['inet_service'], interval, elements } };
}

/** The same ports in disjoint ranges that don't touch, since an interval set refuses others. */
export function mergeRanges(ranges: readonly PortRange[]): readonly PortRange[] {
  const merged: PortRange[] = [];
  for (const range of [...ranges].sort((a, b) => a.first - b.first)) {
    const previous = merged.at(-1);
    if (previous === undefined || range.first > previous.last + 1) merged.push(range);
    else merged[merged.length - 1] = { first: previous.first, last: Math.max(previous.last, range.last) };
  }
  return merged;
}
