/**
 * Constructors of matches and actions; they fix the order of fields, on which chain hashes rest.
 * Marks become unsigned (`>>> 0`): bit 31 may be one of them.
 */
import type { Cidr } from '@calico-node/net';
import type { IpSetId } from '../calc/ip-set.ts';
import type { IcmpMatch, PortRange } from '../calc/parsed-rule.ts';
import type { Action, ConntrackState, Match, RateUnit, Side } from './model.ts';

/** IP protocol numbers that rules name. */
export const protocols = { icmp: 1, ipip: 4, tcp: 6, udp: 17, icmpv6: 58, sctp: 132 } as const;

export const matchProtocol = (protocol: number, negated = false): Match => ({ kind: 'protocol', protocol, negated });

export const matchNet = (side: Side, cidr: Cidr, negated = false): Match => ({ kind: 'net', side, cidr, negated });

export const matchSet = (side: Side, set: IpSetId, negated = false): Match => ({ kind: 'set', side, set, negated });

export const matchPortSet = (side: Side, set: IpSetId, negated = false): Match => ({
  kind: 'port-set',
  side,
  set,
  negated,
});

export const matchPorts = (side: Side, ranges: readonly PortRange[], negated = false): Match => ({
  kind: 'ports',
  side,
  ranges: ranges.map(({ first, last }) => ({ first, last })),
  negated,
});

export const matchIcmp = ({ type, code }: IcmpMatch, negated = false): Match =>
  code === undefined ? { kind: 'icmp', type, negated } : { kind: 'icmp', type, code, negated };

export const matchConntrack = (...states: readonly ConntrackState[]): Match => ({
  kind: 'conntrack-state',
  states,
  negated: false,
});

/** The bits of the mask are as in the value. */
export const matchMark = (mask: number, value: number): Match => ({
  kind: 'mark',
  mask: mask >>> 0,
  value: value >>> 0,
  negated: false,
});

/** All the bits are set. */
export const matchMarked = (bits: number): Match => matchMark(bits, bits);

/** At least one of the bits is set. */
export const matchAnyMarked = (bits: number): Match => ({ kind: 'mark', mask: bits >>> 0, value: 0, negated: true });

/** All the bits are clear. */
export const matchUnmarked = (bits: number): Match => matchMark(bits, 0);

export const matchInterfacePrefix = (direction: 'in' | 'out', name: string): Match => ({
  kind: 'interface',
  direction,
  name,
  prefix: true,
  negated: false,
});

export const matchInterface = (direction: 'in' | 'out', name: string): Match => ({
  kind: 'interface',
  direction,
  name,
  prefix: false,
  negated: false,
});

/** As Felix's parameters name interfaces: with + at its end all that begin so. */
export const matchInterfaceName = (direction: 'in' | 'out', name: string): Match =>
  name.endsWith('+') ? matchInterfacePrefix(direction, name.slice(0, -1)) : matchInterface(direction, name);

export const matchLimit = (packets: number, per: RateUnit, burst: number): Match => ({
  kind: 'limit',
  packets,
  per,
  burst,
});

/** The connection's destination has been translated. */
export const matchDestinationTranslated = (negated = false): Match => ({ kind: 'conntrack-dnat', negated });

/** The address is one of this host's own. */
export const matchLocal = (side: Side): Match => ({ kind: 'local-address', side, negated: false });

/** Makes the bits of the mask those of the value. */
export const setMark = (mask: number, value: number): Action => ({
  kind: 'set-mark',
  mask: mask >>> 0,
  value: value >>> 0,
});

export const setMarks = (bits: number): Action => setMark(bits, bits);

export const clearMarks = (bits: number): Action => setMark(bits, 0);

export const jump = (chain: string): Action => ({ kind: 'jump', chain });

export const goTo = (chain: string): Action => ({ kind: 'goto', chain });

export const masquerade = (fullyRandom: boolean, ports?: PortRange): Action => ({
  kind: 'masquerade',
  ...(fullyRandom ? { fullyRandom } : {}),
  ...(ports === undefined ? {} : { ports }),
});

export const accept: Action = Object.freeze({ kind: 'accept' });
export const drop: Action = Object.freeze({ kind: 'drop' });
export const reject: Action = Object.freeze({ kind: 'reject' });
export const returnToCaller: Action = Object.freeze({ kind: 'return' });
