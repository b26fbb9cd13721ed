import { familyOf, lastIp, splitCidr, type Cidr, type Family } from '@calico-node/net';
import type { PortRange } from '../../calc/parsed-rule.ts';
import type { ConntrackState, Match, Side } from '../../rules/model.ts';
import { ipSetName } from '../../rules/names.ts';

type ProtocolMatch = Extract<Match, { readonly kind: 'protocol' }>;

/**
 * The matches as arguments of iptables; `undefined` when no packet can meet them all. What iptables takes only once
 * (`-p`, `-s`, `-d`) comes first, since other matches rest on the protocol.
 */
export function renderMatches(matches: readonly Match[], family: Family): string | undefined {
  const protocol = renderProtocol(matches.filter((match) => match.kind === 'protocol'));
  if (protocol === undefined) return undefined;
  const parts: string[] = [protocol];
  const taken = new Set<Side>();
  for (const match of matches) {
    if (match.kind === 'protocol') continue;
    const part = match.kind === 'net' ? renderNet(match, family, taken) : renderMatch(match, family);
    if (part === undefined) return undefined;
    parts.push(part);
  }
  return parts.filter((part) => part !== '').join(' ');
}

/** All of the matches of the protocol as one. */
function renderProtocol(matches: readonly ProtocolMatch[]): string | undefined {
  const wanted = new Set(matches.filter(({ negated }) => !negated).map(({ protocol }) => protocol));
  const refused = new Set(matches.filter(({ negated }) => negated).map(({ protocol }) => protocol));
  const [protocol] = wanted;
  if (protocol !== undefined) return wanted.size > 1 || refused.has(protocol) ? undefined : `-p ${protocol}`;
  if (refused.size > 1) throw new Error(`iptables can refuse one protocol in a rule, not ${[...refused].join(', ')}`);
  return [...refused].map((number) => `! -p ${number}`).join('');
}

function renderNet(
  { side, cidr, negated }: { readonly side: Side; readonly cidr: Cidr; readonly negated: boolean },
  family: Family,
  taken: Set<Side>,
): string | undefined {
  if (familyOf(cidr) !== family) return negated ? '' : undefined;
  const { ip, prefixLength } = splitCidr(cidr);
  if (prefixLength === 0) return negated ? undefined : '';
  const not = negated ? '! ' : '';
  if (taken.has(side)) return `-m iprange ${not}--${side === 'source' ? 'src' : 'dst'}-range ${ip}-${lastIp(cidr)}`;
  taken.add(side);
  return `${not}${side === 'source' ? '-s' : '-d'} ${cidr}`;
}

const stateNames: Readonly<Record<ConntrackState, string>> = {
  established: 'ESTABLISHED',
  related: 'RELATED',
  new: 'NEW',
  invalid: 'INVALID',
  untracked: 'UNTRACKED',
};

function renderMatch(match: Exclude<Match, { kind: 'protocol' | 'net' }>, family: Family): string | undefined {
  const not = 'negated' in match && match.negated ? '! ' : '';
  switch (match.kind) {
    case 'limit':
      return `-m limit --limit ${match.packets}/${match.per} --limit-burst ${match.burst}`;
    case 'connections-above':
      return `-m connlimit --connlimit-above ${match.limit} --connlimit-mask 0`;
    case 'set':
      return `-m set ${not}--match-set ${ipSetName(match.set, family)} ${direction(match.side)}`;
    case 'port-set': {
      const side = direction(match.side);
      return `-m set ${not}--match-set ${ipSetName(match.set, family)} ${side},${side}`;
    }
    case 'ports':
      return `-m multiport ${not}--${match.side}-ports ${match.ranges.map(portsText).join(',')}`;
    case 'icmp': {
      const value = match.code === undefined ? `${match.type}` : `${match.type}/${match.code}`;
      return family === 4 ? `-m icmp ${not}--icmp-type ${value}` : `-m icmp6 ${not}--icmpv6-type ${value}`;
    }
    case 'conntrack-state':
      return `-m conntrack ${not}--ctstate ${match.states.map((state) => stateNames[state]).join(',')}`;
    case 'conntrack-dnat':
      return `-m conntrack ${not}--ctstate DNAT`;
    case 'mark':
      return `-m mark ${not}--mark ${hex(match.value)}/${hex(match.mask)}`;
    case 'interface': {
      if (match.name === '' && match.prefix) return match.negated ? undefined : '';
      return `${not}${match.direction === 'in' ? '-i' : '-o'} ${match.name}${match.prefix ? '+' : ''}`;
    }
    case 'local-address': {
      const limit = match.limitInterface === undefined ? '' : ` --limit-iface-${match.limitInterface}`;
      return `-m addrtype ${not}--${match.side === 'source' ? 'src' : 'dst'}-type LOCAL${limit}`;
    }
    case 'reverse-path-failed':
      return '-m rpfilter --validmark --invert';
  }
}

export function hex(value: number): string {
  return `0x${(value >>> 0).toString(16)}`;
}

function direction(side: Side): 'src' | 'dst' {
  return side === 'source' ? 'src' : 'dst';
}

function portsText({ first, last }: PortRange): string {
  return first === last ? `${first}` : `${first}:${last}`;
}
