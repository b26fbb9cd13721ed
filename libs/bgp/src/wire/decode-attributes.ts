import { ipFromBytes, type Family, type IpAddress } from '@calico-node/net';
import { decodeAsPath, mergeAs4Path, type AsPath } from './as-path.ts';
import { u16, u32, u8 } from './bytes.ts';
import { familyOfAfi } from './capability.ts';
import { isNlriWellFormed, type NlriBlock } from './nlri.ts';
import { errorCode, notification, type Notification } from './notification.ts';
import {
  attributeCode,
  attributeFlag,
  origins,
  type LargeCommunity,
  type PathAttributes,
  type UnknownAttribute,
} from './path-attributes.ts';

/** What the meaning of an UPDATE depends on, agreed in the OPENs. */
export interface UpdateContext {
  /** Both sides use four-octet AS numbers (RFC 6793). */
  readonly as4: boolean;
  /** The peer is in another AS. */
  readonly external: boolean;
  /** The address families of the session. */
  readonly families: readonly Family[];
  /** Families in which the peer sends path identifiers (RFC 7911). */
  readonly addPath: readonly Family[];
}

/** An attribute that was wrong, and what RFC 7606 does about it. */
export interface AttributeProblem {
  readonly code: number;
  readonly action: 'discard' | 'withdraw';
  readonly reason: string;
}

/** The parts of an attribute list; `reset` is the only outcome that ends the session. */
export interface DecodedAttributes {
  readonly attributes: PathAttributes;
  readonly present: ReadonlySet<number>;
  readonly mpReach:
    { readonly block: NlriBlock; readonly nextHop: IpAddress; readonly linkLocal?: IpAddress } | undefined;
  readonly mpUnreach: NlriBlock | undefined;
  readonly hasMpReach: boolean;
  readonly problems: readonly AttributeProblem[];
}

export type AttributesResult =
  | ({ readonly kind: 'decoded' } & DecodedAttributes)
  | { readonly kind: 'reset'; readonly notification: Notification; readonly reason: string };

/** Optional and Transitive bits that a known attribute must have (RFC 4271 5, and each attribute's RFC). */
const { optional, transitive } = attributeFlag;
const expectedFlags: ReadonlyMap<number, number> = new Map([
  [attributeCode.origin, transitive],
  [attributeCode.asPath, transitive],
  [attributeCode.nextHop, transitive],
  [attributeCode.med, optional],
  [attributeCode.localPref, transitive],
  [attributeCode.atomicAggregate, transitive],
  [attributeCode.aggregator, optional | transitive],
  [attributeCode.communities, optional | transitive],
  [attributeCode.originatorId, optional],
  [attributeCode.clusterList, optional],
  [attributeCode.mpReach, optional],
  [attributeCode.mpUnreach, optional],
  [attributeCode.extendedCommunities, optional | transitive],
  [attributeCode.as4Path, optional | transitive],
  [attributeCode.as4Aggregator, optional | transitive],
  [attributeCode.largeCommunities, optional | transitive],
]);

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

class Decoder {
  readonly attributes: Mutable<PathAttributes> = { origin: 'Incomplete', asPath: [] };
  readonly present = new Set<number>();
  readonly problems: AttributeProblem[] = [];
  readonly unknown: UnknownAttribute[] = [];
  as4Path: AsPath | undefined;
  as4Aggregator: { readonly asn: number; readonly address: number } | undefined;
  mpReach: DecodedAttributes['mpReach'];
  mpUnreach: NlriBlock | undefined;
  readonly context: UpdateContext;
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array, context: UpdateContext) {
    this.bytes = bytes;
    this.context = context;
  }

  problem(code: number, action: AttributeProblem['action'], reason: string): undefined {
    this.problems.push({ code, action, reason });
  }

  /** RFC 4271 6.3: errors of optional attributes carry the attribute. */
  reset(subcode: number, reason: string, start: number, end: number): AttributesResult {
    const data = this.bytes.slice(start, end);
    return { kind: 'reset', notification: notification(errorCode.update, subcode, data), reason };
  }

  /** One attribute; its header is at `head`, its value at `at..end`. Gives something only to end the session. */
  attribute(code: number, flags: number, head: number, at: number, end: number): AttributesResult | undefined {
    if (this.present.has(code)) {
      // RFC 7606 3 g: a second MP attribute resets, any other second attribute is dropped.
      if (code === attributeCode.mpReach || code === attributeCode.mpUnreach) {
        return {
          kind: 'reset',
          notification: notification(errorCode.update, 1),
          reason: `attribute ${code} given twice`,
        };
      }
      return this.problem(code, 'discard', 'given twice');
    }
    const expected = expectedFlags.get(code);
    if (expected === undefined) return this.unrecognised(code, flags, head, at, end);
    this.present.add(code);
    if ((flags & (optional | transitive)) !== expected) {
      // RFC 7606 3 c; for the attributes that may be discarded without harm, their own rule holds.
      const action =
        code === attributeCode.atomicAggregate || code === attributeCode.aggregator ? 'discard' : 'withdraw';
      if (code !== attributeCode.mpReach && code !== attributeCode.mpUnreach) {
        return this.problem(code, action, `flags ${flags.toString(16)} conflict with its type`);
      }
      this.problem(code, 'withdraw', `flags ${flags.toString(16)} conflict with its type`);
    }
    return this.known(code, head, at, end);
  }

  unrecognised(code: number, flags: number, head: number, at: number, end: number): AttributesResult | undefined {
    this.present.add(code);
    // RFC 4271 6.3: an unknown well-known attribute is the one thing that RFC 7606 leaves fatal here.
    if ((flags & optional) === 0) return this.reset(2, `unknown well-known attribute ${code}`, head, end);
    // RFC 4271 9: unknown and non-transitive is ignored; transitive is passed on.
    if ((flags & transitive) !== 0) {
      this.unknown.push({
        code,
        flags: flags & (optional | transitive | attributeFlag.partial),
        value: this.bytes.slice(at, end),
      });
    }
    return undefined;
  }

  known(code: number, head: number, at: number, end: number): AttributesResult | undefined {
    const { bytes, attributes, context } = this;
    const length = end - at;
    switch (code) {
      case attributeCode.origin: {
        // RFC 7606 7.1
        const origin = length === 1 ? origins[u8(bytes, at)] : undefined;
        if (origin === undefined) return this.problem(code, 'withdraw', 'malformed ORIGIN');
        attributes.origin = origin;
        return undefined;
      }
      case attributeCode.asPath: {
        // RFC 7606 7.2
        const path = decodeAsPath(bytes, at, end, context.as4 ? 4 : 2);
        if (path === undefined) return this.problem(code, 'withdraw', 'malformed AS_PATH');
        attributes.asPath = path;
        return undefined;
      }
      case attributeCode.nextHop:
        // RFC 7606 7.3; RFC 4271 6.3: it must be a host's address.
        if (length !== 4 || !isHostAddress(u8(bytes, at))) return this.problem(code, 'withdraw', 'malformed NEXT_HOP');
        attributes.nextHop = ipFromBytes(bytes.slice(at, end));
        return undefined;
      case attributeCode.med:
        // RFC 7606 7.4
        if (length !== 4) return this.problem(code, 'withdraw', 'malformed MULTI_EXIT_DISC');
        attributes.med = u32(bytes, at);
        return undefined;
      case attributeCode.localPref:
        // RFC 7606 7.5
        if (context.external) return this.problem(code, 'discard', 'LOCAL_PREF from an external peer');
        if (length !== 4) return this.problem(code, 'withdraw', 'malformed LOCAL_PREF');
        attributes.localPref = u32(bytes, at);
        return undefined;
      case attributeCode.atomicAggregate:
        // RFC 7606 7.6
        if (length !== 0) return this.problem(code, 'discard', 'malformed ATOMIC_AGGREGATE');
        attributes.atomicAggregate = true;
        return undefined;
      case attributeCode.aggregator: {
        // RFC 7606 7.7, RFC 7607 2
        const size = context.as4 ? 8 : 6;
        const asn = context.as4 ? u32(bytes, at) : u16(bytes, at);
        if (length !== size || asn === 0) return this.problem(code, 'discard', 'malformed AGGREGATOR');
        attributes.aggregator = { asn, address: u32(bytes, end - 4) };
        return undefined;
      }
      case attributeCode.communities:
        // RFC 7606 7.8
        if (length === 0 || length % 4 !== 0) return this.problem(code, 'withdraw', 'malformed COMMUNITIES');
        attributes.communities = words(bytes, at, end);
        return undefined;
      case attributeCode.originatorId:
        // RFC 7606 7.9
        if (context.external) return this.problem(code, 'discard', 'ORIGINATOR_ID from an external peer');
        if (length !== 4) return this.problem(code, 'withdraw', 'malformed ORIGINATOR_ID');
        attributes.originatorId = u32(bytes, at);
        return undefined;
      case attributeCode.clusterList:
        // RFC 7606 7.10
        if (context.external) return this.problem(code, 'discard', 'CLUSTER_LIST from an external peer');
        if (length === 0 || length % 4 !== 0) return this.problem(code, 'withdraw', 'malformed CLUSTER_LIST');
        attributes.clusterList = words(bytes, at, end);
        return undefined;
      case attributeCode.extendedCommunities: {
        // RFC 7606 7.14
        if (length === 0 || length % 8 !== 0) return this.problem(code, 'withdraw', 'malformed EXTENDED COMMUNITIES');
        const halves = words(bytes, at, end);
        attributes.extendedCommunities = halves.flatMap((high, index) =>
          index % 2 === 0 ? [(BigInt(high) << 32n) | BigInt(halves[index + 1] ?? 0)] : [],
        );
        return undefined;
      }
      case attributeCode.largeCommunities: {
        // RFC 8092 6
        if (length === 0 || length % 12 !== 0) return this.problem(code, 'withdraw', 'malformed LARGE_COMMUNITY');
        const large: LargeCommunity[] = [];
        for (let p = at; p < end; p += 12) large.push([u32(bytes, p), u32(bytes, p + 4), u32(bytes, p + 8)]);
        attributes.largeCommunities = large;
        return undefined;
      }
      case attributeCode.as4Path: {
        // RFC 6793 6: discarded when malformed, or from a speaker that needs none.
        const path = context.as4 ? undefined : decodeAsPath(bytes, at, end, 4);
        if (path === undefined) return this.problem(code, 'discard', 'malformed or needless AS4_PATH');
        this.as4Path = path;
        return undefined;
      }
      case attributeCode.as4Aggregator:
        if (context.as4 || length !== 8 || u32(bytes, at) === 0) {
          return this.problem(code, 'discard', 'malformed or needless AS4_AGGREGATOR');
        }
        this.as4Aggregator = { asn: u32(bytes, at), address: u32(bytes, at + 4) };
        return undefined;
      case attributeCode.mpReach:
        return this.reach(head, at, end);
      case attributeCode.mpUnreach:
        return this.unreach(head, at, end);
      default:
        return undefined;
    }
  }

  /** MP_REACH_NLRI (RFC 4760 3). What hides the prefixes resets the session (RFC 7606 7.11, 5.3). */
  reach(head: number, at: number, end: number): AttributesResult | undefined {
    const { bytes, context } = this;
    if (end - at < 5) return this.reset(9, 'MP_REACH_NLRI too short', head, end);
    const family = familyOfAfi(u16(bytes, at), u8(bytes, at + 2));
    const hopLength = u8(bytes, at + 3);
    const hop = at + 4;
    const start = hop + hopLength + 1; // a reserved octet follows the next hop
    if (start > end) return this.reset(9, 'MP_REACH_NLRI shorter than its next hop', head, end);
    // A family that this session does not carry is passed over (RFC 4760 8).
    if (family === undefined || !context.families.includes(family)) return undefined;
    const fits = family === 4 ? hopLength === 4 : hopLength === 16 || hopLength === 32;
    if (!fits) return this.reset(9, `next hop of ${hopLength} octets in MP_REACH_NLRI`, head, end);
    const addPath = context.addPath.includes(family);
    if (!isNlriWellFormed(bytes, start, end, family, addPath))
      return this.reset(9, 'malformed prefix in MP_REACH_NLRI', head, end);
    const size = family === 4 ? 4 : 16;
    if (family === 4 ? !isHostAddress(u8(bytes, hop)) : isVoidIpv6(bytes, hop)) {
      this.problem(attributeCode.mpReach, 'withdraw', 'next hop is not the address of a host');
    }
    this.mpReach = {
      block: { family, bytes, start, end, addPath },
      nextHop: ipFromBytes(bytes.slice(hop, hop + size)),
      ...(hopLength === 32 ? { linkLocal: ipFromBytes(bytes.slice(hop + 16, hop + 32)) } : {}),
    };
    return undefined;
  }

  /** MP_UNREACH_NLRI (RFC 4760 4). */
  unreach(head: number, at: number, end: number): AttributesResult | undefined {
    const { bytes, context } = this;
    if (end - at < 3) return this.reset(9, 'MP_UNREACH_NLRI too short', head, end);
    const family = familyOfAfi(u16(bytes, at), u8(bytes, at + 2));
    if (family === undefined || !context.families.includes(family)) return undefined;
    const addPath = context.addPath.includes(family);
    if (!isNlriWellFormed(bytes, at + 3, end, family, addPath))
      return this.reset(9, 'malformed prefix in MP_UNREACH_NLRI', head, end);
    this.mpUnreach = { family, bytes, start: at + 3, end, addPath };
    return undefined;
  }

  finish(): AttributesResult {
    const { attributes } = this;
    if (this.unknown.length > 0) attributes.unknown = this.unknown;
    // RFC 6793 4.2.3: an AGGREGATOR that does not hold AS_TRANS makes both AS4 attributes void.
    const isAs4Void =
      this.as4Aggregator !== undefined && attributes.aggregator !== undefined && attributes.aggregator.asn !== 23456;
    if (!isAs4Void) {
      if (this.as4Aggregator !== undefined && attributes.aggregator !== undefined)
        attributes.aggregator = this.as4Aggregator;
      if (this.as4Path !== undefined) attributes.asPath = mergeAs4Path(attributes.asPath, this.as4Path);
    }
    return {
      kind: 'decoded',
      attributes,
      present: this.present,
      mpReach: this.mpReach,
      mpUnreach: this.mpUnreach,
      hasMpReach: this.present.has(attributeCode.mpReach),
      problems: this.problems,
    };
  }
}

function words(bytes: Uint8Array, start: number, end: number): number[] {
  const result: number[] = [];
  for (let at = start; at < end; at += 4) result.push(u32(bytes, at));
  return result;
}

/** Not "this network", loopback, multicast or reserved, by the first octet. */
function isHostAddress(first: number): boolean {
  return first !== 0 && first !== 127 && first < 224;
}

/** Multicast, `::` or `::1`. */
function isVoidIpv6(bytes: Uint8Array, at: number): boolean {
  if (u8(bytes, at) === 0xff) return true;
  for (let index = 0; index < 15; index++) if (u8(bytes, at + index) !== 0) return false;
  return u8(bytes, at + 15) <= 1;
}

/** Decodes the attribute list of an UPDATE (RFC 4271 4.3) under RFC 7606's rules for what is wrong in it. */
export function decodeAttributes(
  bytes: Uint8Array,
  start: number,
  end: number,
  context: UpdateContext,
): AttributesResult {
  const decoder = new Decoder(bytes, context);
  let at = start;
  while (at < end) {
    const flags = u8(bytes, at);
    const isLong = (flags & attributeFlag.extendedLength) !== 0;
    const headLength = isLong ? 4 : 3;
    if (end - at < headLength) {
      // RFC 7606 4: the rest is too short for an attribute's header.
      decoder.problem(0, 'withdraw', 'attribute list ends inside an attribute header');
      break;
    }
    const code = u8(bytes, at + 1);
    const valueAt = at + headLength;
    const valueEnd = valueAt + (isLong ? u16(bytes, at + 2) : u8(bytes, at + 2));
    if (valueEnd > end) {
      // RFC 7606 4: the attribute would run over the end of the list; an MP attribute's prefixes are then lost.
      if (code === attributeCode.mpReach || code === attributeCode.mpUnreach) {
        return decoder.reset(9, `attribute ${code} runs over the end of the list`, at, end);
      }
      decoder.problem(code, 'withdraw', 'attribute runs over the end of the list');
      break;
    }
    const fatal = decoder.attribute(code, flags, at, valueAt, valueEnd);
    if (fatal !== undefined) return fatal;
    at = valueEnd;
  }
  return decoder.finish();
}
