import type { Cidr, Family } from '@calico-node/net';
import type { IpSetId } from './ip-set.ts';

/**
 * One rule of a policy or profile with its selectors and named ports replaced by IP sets. A packet
 * matches when every criterion that is present does; an absent or empty one asks nothing.
 */
export interface ParsedRule {
  /** `log` logs and goes on; `pass` leaves the tier undecided; the others decide. */
  readonly action: 'allow' | 'deny' | 'log' | 'pass';
  readonly ipVersion?: Family;
  /** IP protocol number, 1-255. */
  readonly protocol?: number;
  readonly notProtocol?: number;
  readonly icmp?: IcmpMatch;
  readonly notIcmp?: IcmpMatch;
  readonly source: ParsedEntity;
  readonly destination: ParsedEntity;
  /** The rule's annotations (metadata), for people. */
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface IcmpMatch {
  readonly type: number;
  readonly code?: number;
}

/** Inclusive; 0-65535. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/**
 * One end of a rule. Within a field the entries are alternatives (a `not...` field refuses each of
 * them), except for `sets`, each of which must hold the address. `ports` and `namedPorts` are one
 * field: a packet needs one of either, and `notPorts` and `notNamedPorts` likewise.
 */
export interface ParsedEntity {
  readonly nets: readonly Cidr[];
  readonly notNets: readonly Cidr[];
  /** Sets of kind `net`: all must hold the address. */
  readonly sets: readonly IpSetId[];
  /** Sets of kind `net`: none may hold the address. */
  readonly notSets: readonly IpSetId[];
  readonly ports: readonly PortRange[];
  readonly notPorts: readonly PortRange[];
  /** Sets of kind `ip-port`, looked up with the address, the packet's protocol and the port. */
  readonly namedPorts: readonly IpSetId[];
  readonly notNamedPorts: readonly IpSetId[];
}

/** An end of which the rule asks nothing. */
export const anyEntity: ParsedEntity = Object.freeze({
  nets: [],
  notNets: [],
  sets: [],
  notSets: [],
  ports: [],
  notPorts: [],
  namedPorts: [],
  notNamedPorts: [],
});
