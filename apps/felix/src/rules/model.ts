/**
 * The packet-filter rules that Felix wants, in no back end's words.
 *
 * A `Ruleset` is one address family's whole desired state apart from the members of its IP sets:
 * hooks (what the kernel calls), chains, and dispatch maps. All values are frozen and made of plain
 * JSON, so that a chain's `hash` covers all there is: two chains with the same hash are the same, and
 * a driver needs to look no further.
 *
 * Semantics, which every driver and `interpret.ts` must share:
 * - rules of a chain are tried in order; a rule applies when all its matches hold; then its action
 *   runs. `return` leaves the chain; running off its end does the same. A `goto`'s chain returns to
 *   where the chain with the `goto` would have. `accept`, `drop` and `reject` end the hook's walk
 *   (for `accept`: of this layer only; later layers and hooks still see the packet).
 * - leaving a hook's own rules means `accept`.
 * - layers run in the order raw, mangle, nat, filter within a hook.
 */
import type { Cidr, Family, IpAddress } from '@calico-node/net';
import type { IpSetId } from '../calc/ip-set.ts';
import type { PortRange } from '../calc/parsed-rule.ts';

/**
 * iptables' tables; a layer of base chains with its priority in nf_tables. Chains jump inside their layer only, so what
 * several layers need (a policy's chain, failsafe ports) is there once in each. `reject` comes in `filter` alone.
 */
export type Layer = 'raw' | 'mangle' | 'nat' | 'filter';

/** The kernel's; `late-input`, of nf_tables alone, comes after everything that translates what the host takes in. */
export type HookName = 'prerouting' | 'input' | 'late-input' | 'forward' | 'output' | 'postrouting';

export interface Ruleset {
  readonly family: Family;
  readonly hooks: readonly Hook[];
  readonly chains: readonly Chain[];
  readonly dispatchMaps: readonly DispatchMap[];
}

/** Rules in a kernel hook. Foreign rules live there as well; ours go before them, or after. */
export interface Hook {
  readonly layer: Layer;
  readonly hook: HookName;
  /** Go before (iptables: ChainInsertMode) whatever else is there; nf_tables: the base chain's content. */
  readonly rules: readonly Rule[];
  /** Go after whatever else is there; nf_tables: after `rules`. */
  readonly appendedRules: readonly Rule[];
  readonly hash: string;
}

export interface Chain {
  readonly layer: Layer;
  /** Unique in its layer; at most `RuleOptions.maxChainNameLength` characters. */
  readonly name: string;
  readonly rules: readonly Rule[];
  /** Digest of layer, name and rules. */
  readonly hash: string;
}

export interface Rule {
  /** All must hold; empty holds always. */
  readonly matches: readonly Match[];
  readonly action: Action;
  /** For people who read the kernel's rules. */
  readonly comment?: string;
}

/**
 * Interface name to chain, as a verdict map (nf_tables) or a tree of chains (iptables). Only
 * `dispatch` actions look into it. Changing an entry must not cost more for having many.
 */
export interface DispatchMap {
  readonly layer: Layer;
  /** Unique in its layer, in a name space of its own. */
  readonly name: string;
  /** Which interface of the packet is the key. */
  readonly key: 'in-interface' | 'out-interface';
  /** Interface name to chain of the same layer, sorted by interface name. */
  readonly entries: readonly DispatchEntry[];
  readonly hash: string;
}

export interface DispatchEntry {
  readonly interfaceName: string;
  readonly chain: string;
}

export type Side = 'source' | 'destination';

export type RateUnit = 'second' | 'minute' | 'hour' | 'day';

/** A field of a look-up's key; `source-port` and `destination-port` come only behind `protocol`. */
export type KeyField = 'protocol' | 'source' | 'destination' | 'source-port' | 'destination-port';

/** What a field of an entry takes in: a protocol, a network, or ports from first to last. */
export type KeyPart =
  | { readonly kind: 'protocol'; readonly protocol: number }
  | { readonly kind: 'net'; readonly cidr: Cidr }
  | { readonly kind: 'ports'; readonly first: number; readonly last: number };

/** No packet is in two entries of one look-up: none is before another. */
export interface LookUpEntry {
  /** One part per field, in the order of the fields. */
  readonly parts: readonly KeyPart[];
  /** `goto` leads to a chain of the same layer. */
  readonly verdict: { readonly kind: 'drop' } | { readonly kind: 'goto'; readonly chain: string };
}

export type ConntrackState = 'established' | 'related' | 'new' | 'invalid' | 'untracked';

/**
 * `negated` turns the test round. `ports` and `icmp` never meet a packet without the field, since a
 * match of the protocol precedes them; `port-set` does, and such a packet is simply not in the set.
 */
export type Match =
  /** Holds for as many packets as the rate allows, at most `burst` at once. A rule has its own count. */
  | { readonly kind: 'limit'; readonly packets: number; readonly per: RateUnit; readonly burst: number }
  /** More than `limit` connections, this packet's included, have come to this rule and are still known. */
  | { readonly kind: 'connections-above'; readonly limit: number }
  | { readonly kind: 'protocol'; readonly protocol: number; readonly negated: boolean }
  | { readonly kind: 'net'; readonly side: Side; readonly cidr: Cidr; readonly negated: boolean }
  /** Address in a set of kind `net` (any family: the ruleset's own is meant). */
  | { readonly kind: 'set'; readonly side: Side; readonly set: IpSetId; readonly negated: boolean }
  /** (Address, protocol, port), address and port of the same side, in a set of kind `ip-port`. */
  | { readonly kind: 'port-set'; readonly side: Side; readonly set: IpSetId; readonly negated: boolean }
  /** Port in one of the ranges (at least one, at most 15 slots, a range taking two). Needs a protocol match for TCP, UDP or SCTP before it. */
  | { readonly kind: 'ports'; readonly side: Side; readonly ranges: readonly PortRange[]; readonly negated: boolean }
  /** ICMP or ICMPv6, by the ruleset's family. Needs the protocol match before it. */
  | { readonly kind: 'icmp'; readonly type: number; readonly code?: number; readonly negated: boolean }
  | { readonly kind: 'conntrack-state'; readonly states: readonly ConntrackState[]; readonly negated: boolean }
  /** The connection's destination has been translated. */
  | { readonly kind: 'conntrack-dnat'; readonly negated: boolean }
  /** `(mark & mask) == value`. */
  | { readonly kind: 'mark'; readonly mask: number; readonly value: number; readonly negated: boolean }
  /** Exact name, or with `prefix` every name that starts so. */
  | {
      readonly kind: 'interface';
      readonly direction: 'in' | 'out';
      readonly name: string;
      readonly prefix: boolean;
      readonly negated: boolean;
    }
  /** The address is one of this host's own; with `limitInterface`, one of that interface of the packet. */
  | {
      readonly kind: 'local-address';
      readonly side: Side;
      readonly limitInterface?: 'in' | 'out';
      readonly negated: boolean;
    }
  /** The route back to the source, looked up with the packet's Calico mark, does not leave by the interface that it came in by. */
  | { readonly kind: 'reverse-path-failed' };

export type Action =
  | { readonly kind: 'accept' }
  | { readonly kind: 'drop' }
  /** ICMP(v6) port unreachable, or `with` TCP's reset, which needs the protocol match for TCP. */
  | { readonly kind: 'reject'; readonly with?: 'tcp-reset' }
  | { readonly kind: 'return' }
  | { readonly kind: 'jump'; readonly chain: string }
  | { readonly kind: 'goto'; readonly chain: string }
  /** `goto` the chain that the map names for the packet's interface; no entry: the next rule. */
  | { readonly kind: 'dispatch'; readonly map: string }
  /**
   * The verdict of the one entry that the packet is in; none: the next rule. Many rules' work in one step, for a back
   * end with verdict maps: rendered only where `RuleOptions.verdictMaps` asks for it.
   */
  | { readonly kind: 'look-up'; readonly fields: readonly KeyField[]; readonly entries: readonly LookUpEntry[] }
  /** `mark = (mark & ~mask) | value`; `value` lies within `mask`. */
  | { readonly kind: 'set-mark'; readonly mask: number; readonly value: number }
  | { readonly kind: 'log'; readonly prefix: string }
  /** Tells whoever reads the netlink log group that the packet has come here: `flow-logs.ts`. */
  | { readonly kind: 'flow-log'; readonly group: number; readonly prefix: string }
  /** Connection tracking leaves the packet alone. In `raw` only. */
  | { readonly kind: 'notrack' }
  /** The six bits of the differentiated services field (RFC 2474 section 3). In `mangle` only. */
  | { readonly kind: 'set-dscp'; readonly value: number }
  /** With `fullyRandom`, two packets at the same time are not given the same port, where one of them would be lost. */
  | { readonly kind: 'masquerade'; readonly ports?: PortRange; readonly fullyRandom?: true }
  | { readonly kind: 'snat'; readonly address: IpAddress; readonly ports?: PortRange; readonly fullyRandom?: true }
  | { readonly kind: 'dnat'; readonly address: IpAddress; readonly port?: number }
  /** Nothing: the rule is there for its comment (or its counter). */
  | { readonly kind: 'none' };
