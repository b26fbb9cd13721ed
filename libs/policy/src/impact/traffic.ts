import {
  portMatchOf,
  PROTOCOL_NUMBERS,
  protocolHasPorts,
  protocolNumber,
  type EntityRule,
  type Rule,
} from '@calico-node/model';
import type { Family } from '@calico-node/net';
import type { PolicyPacket } from '../packet.ts';
import type { MemberPort } from '../world.ts';

/** Packets that no rule tells apart, by what stands for them. */
export interface Traffic {
  readonly header: Omit<PolicyPacket, 'family' | 'source' | 'destination'>;
  readonly protocol: number;
  /** Of protocols with ports. */
  readonly from?: PortSpan;
  readonly to?: PortSpan;
  /** What is said of it beside its protocol. */
  readonly note: string;
}

export interface PortSpan {
  readonly first: number;
  readonly last: number;
}

const LAST_PORT = 65535;
/** Stands for a client's. */
const CLIENT_PORT = 49152;
const [TCP, UDP, ICMP, ICMPV6] = [6, 17, 1, 58];
/** For experiments (RFC 3692): it stands for the protocols that no rule names. */
const FIRST_UNUSED = 253;

/** All traffic between two parties, cut as finely as the rules cut it. Named ports are those of the parties. */
export function trafficClasses(
  rules: readonly Rule[],
  family: Family,
  ports: { readonly from: readonly MemberPort[]; readonly to: readonly MemberPort[] },
): readonly Traffic[] {
  const named = rules.flatMap(({ protocol, notProtocol }) =>
    [protocol, notProtocol].flatMap((each) => (each === undefined ? [] : (protocolNumber(each) ?? []))),
  );
  const icmp = family === 4 ? ICMP : ICMPV6;
  const known = new Set([TCP, UDP, icmp, ...named]);
  known.delete(family === 4 ? ICMPV6 : ICMP);
  const other = Array.from({ length: 256 }, (_, index) => (FIRST_UNUSED + index) % 256).find(
    (each) => !known.has(each),
  );
  return [
    ...[...known].flatMap((protocol): readonly Traffic[] => {
      const own = rules.filter((rule) => rule.protocol === undefined || protocolNumber(rule.protocol) === protocol);
      if (protocol === icmp) return icmpTraffic(own, protocol);
      if (!protocolHasPorts(protocol)) return [{ header: { protocol }, protocol, note: '' }];
      const froms = spans(own, 'source', protocol, ports.from);
      const tos = spans(own, 'destination', protocol, ports.to);
      return froms.flatMap((from) =>
        tos.map((to): Traffic => {
          const isClient = from.first <= CLIENT_PORT && CLIENT_PORT <= from.last;
          const sourcePort = isClient ? CLIENT_PORT : from.first;
          return { header: { protocol, sourcePort, destinationPort: to.first }, protocol, from, to, note: '' };
        }),
      );
    }),
    ...(other === undefined ? [] : [{ header: { protocol: other }, protocol: other, note: 'other protocols' }]),
  ];
}

function icmpTraffic(rules: readonly Rule[], protocol: number): readonly Traffic[] {
  const codes = new Map<number, Set<number>>();
  for (const match of rules.flatMap(({ icmp, notICMP }) => [icmp, notICMP])) {
    if (match?.type === undefined) continue;
    const known = codes.get(match.type) ?? new Set();
    codes.set(match.type, match.code === undefined ? known : known.add(match.code));
  }
  const traffic = (icmpType: number, icmpCode: number, note: string): Traffic => ({
    header: { protocol, icmpType, icmpCode },
    protocol,
    note,
  });
  const unnamed = (taken: { has(value: number): boolean }, first: number): number => {
    let value = first;
    while (taken.has(value)) value = (value + 1) % 256;
    return value;
  };
  const echo = protocol === ICMP ? 8 : 128;
  return [
    ...[...codes].flatMap(([type, named]) => [
      ...[...named].map((code) => traffic(type, code, `type ${type} code ${code}`)),
      traffic(type, unnamed(named, 0), named.size === 0 ? `type ${type}` : `type ${type} of other codes`),
    ]),
    traffic(unnamed(codes, echo), 0, codes.size === 0 ? '' : 'of other types'),
  ];
}

function spans(
  rules: readonly Rule[],
  side: 'source' | 'destination',
  protocol: number,
  named: readonly MemberPort[],
): readonly PortSpan[] {
  const cuts = new Set([0]);
  const cut = (first: number, last: number): void => {
    cuts.add(first);
    if (last < LAST_PORT) cuts.add(last + 1);
  };
  for (const rule of rules) {
    const { ports = [], notPorts = [] }: EntityRule = rule[side] ?? {};
    for (const port of [...ports, ...notPorts]) {
      const match = portMatchOf(port);
      if (match.type === 'range') cut(match.min, match.max);
      else for (const own of named) if (own.name === match.name && own.protocol === protocol) cut(own.port, own.port);
    }
  }
  const starts = [...cuts].sort((a, b) => a - b);
  return starts.map((first, index) => ({ first, last: (starts[index + 1] ?? LAST_PORT + 1) - 1 }));
}

/** Says which traffic some of all of it is: `TCP 80, 443-445`, `ICMP type 8`, `all traffic`. */
export function describeTraffic(some: readonly Traffic[], all: readonly Traffic[]): string {
  if (some.length === all.length) return 'all traffic';
  return [...Map.groupBy(some, ({ protocol }) => protocol)]
    .flatMap(([protocol, own]) =>
      describeProtocol(
        protocol,
        own,
        all.filter((each) => each.protocol === protocol),
      ),
    )
    .join('; ');
}

function describeProtocol(protocol: number, some: readonly Traffic[], all: readonly Traffic[]): readonly string[] {
  const [only] = some;
  if (only?.note === 'other protocols') return [only.note];
  const name = nameOf(protocol);
  if (some.length === all.length) return [name];
  if (only?.to === undefined) return some.map(({ note }) => `${name} ${note}`);
  const bySource = Map.groupBy(some, ({ from }) => spanText(from));
  const isForAll = bySource.size === new Set(all.map(({ from }) => spanText(from))).size;
  const texts = [...bySource].map(([source, each]) => [source, destinationsOf(each)] as const);
  const [first] = texts;
  if (isForAll && first !== undefined && texts.every(([, to]) => to === first[1])) return [`${name} ${first[1]}`];
  return texts.map(([source, to]) => `${name} ${to} from port ${source}`);
}

/** Neighbouring spans as one. */
function destinationsOf(traffic: readonly Traffic[]): string {
  const joined: PortSpan[] = [];
  for (const { to } of traffic) {
    if (to === undefined) continue;
    const before = joined.at(-1);
    if (before?.last === to.first - 1) joined[joined.length - 1] = { first: before.first, last: to.last };
    else joined.push(to);
  }
  return joined.map(spanText).join(', ');
}

function spanText(span: PortSpan | undefined): string {
  if (span === undefined) return '';
  return span.first === span.last ? String(span.first) : `${span.first}-${span.last}`;
}

function nameOf(protocol: number): string {
  return Object.entries(PROTOCOL_NUMBERS).find(([, number]) => number === protocol)?.[0] ?? `protocol ${protocol}`;
}
