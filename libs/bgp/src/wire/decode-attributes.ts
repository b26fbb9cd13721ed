import { ipFromBytes } from '@calico-node/net';
import { decodeAsPath, mergeAs4Path, type AsPath } from './as-path.ts';
import { u16, u32, u8 } from './bytes.ts';
import { discard, reset, withdraw, type AttributeProblem, type Fault, type Harmless } from './attribute-fault.ts';
import { decodeMpReach, decodeMpUnreach, isHostAddress, type MpReach, type MpResult } from './decode-mp.ts';
import type { NlriBlock } from './nlri.ts';
import { errorCode, notification, type Notification } from './notification.ts';
import {
  attributeCode,
  attributeFlag,
  origins,
  type LargeCommunity,
  type PathAttributes,
  type UnknownAttribute,
} from './path-attributes.ts';
import type { UpdateContext } from './update-context.ts';

/** The parts of an attribute list; `reset` is the only outcome that ends the session. */
export interface DecodedAttributes {
  readonly attributes: PathAttributes;
  readonly present: ReadonlySet<number>;
  readonly mpReach: MpReach | undefined;
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
  [attributeCode.onlyToCustomer, optional | transitive],
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

  note(code: number, { action, reason }: Harmless): void {
    this.problems.push({ code, action, reason });
  }

  /** One attribute, its value at `at..end`; gives what is wrong with it. */
  attribute(code: number, flags: number, at: number, end: number): Fault | undefined {
    if (this.present.has(code)) {
      // RFC 7606 3 g: a second MP attribute resets, any other second attribute is dropped.
      if (code === attributeCode.mpReach || code === attributeCode.mpUnreach) {
        return reset(1, `attribute ${code} given twice`);
      }
      return discard('given twice');
    }
    const expected = expectedFlags.get(code);
    if (expected === undefined) return this.unrecognised(code, flags, at, end);
    this.present.add(code);
    const isMp = code === attributeCode.mpReach || code === attributeCode.mpUnreach;
    const conflict = (flags & (optional | transitive)) === expected ? undefined : flagsFault(code, flags);
    // The prefixes in an MP attribute are needed even then, to treat them as withdrawn.
    if (conflict !== undefined && !isMp) return conflict;
    const fault = this.known(code, at, end);
    return fault?.action === 'reset' ? fault : (conflict ?? fault);
  }

  unrecognised(code: number, flags: number, at: number, end: number): Fault | undefined {
    this.present.add(code);
    // RFC 4271 6.3: an unknown well-known attribute is the one thing that RFC 7606 leaves fatal here.
    if ((flags & optional) === 0) return reset(2, `unknown well-known attribute ${code}`);
    // RFC 7606 7.15: passed on like others, but with the form that it has to have.
    if (code === attributeCode.ipv6ExtendedCommunities && (end === at || (end - at) % 20 !== 0))
      return withdraw('malformed IPv6 extended communities');
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

  known(code: number, at: number, end: number): Fault | undefined {
    const { bytes, attributes, context } = this;
    const length = end - at;
    switch (code) {
      case attributeCode.origin: {
        // RFC 7606 7.1
        const origin = length === 1 ? origins[u8(bytes, at)] : undefined;
        if (origin === undefined) return withdraw('malformed ORIGIN');
        attributes.origin = origin;
        return undefined;
      }
      case attributeCode.asPath: {
        // RFC 7606 7.2
        const path = decodeAsPath(bytes, at, end, context.as4 ? 4 : 2);
        if (path === undefined) return withdraw('malformed AS_PATH');
        attributes.asPath = path;
        return undefined;
      }
      case attributeCode.nextHop:
        // RFC 7606 7.3; RFC 4271 6.3: it must be a host's address.
        if (length !== 4 || !isHostAddress(u8(bytes, at))) return withdraw('malformed NEXT_HOP');
        attributes.nextHop = ipFromBytes(bytes.slice(at, end));
        return undefined;
      case attributeCode.med:
        // RFC 7606 7.4
        if (length !== 4) return withdraw('malformed MULTI_EXIT_DISC');
        attributes.med = u32(bytes, at);
        return undefined;
      case attributeCode.localPref:
        // RFC 7606 7.5
        if (context.external) return discard('LOCAL_PREF from an external peer');
        if (length !== 4) return withdraw('malformed LOCAL_PREF');
        attributes.localPref = u32(bytes, at);
        return undefined;
      case attributeCode.atomicAggregate:
        // RFC 7606 7.6
        if (length !== 0) return discard('malformed ATOMIC_AGGREGATE');
        attributes.atomicAggregate = true;
        return undefined;
      case attributeCode.aggregator: {
        // RFC 7606 7.7, RFC 7607 2
        const size = context.as4 ? 8 : 6;
        const asn = context.as4 ? u32(bytes, at) : u16(bytes, at);
        if (length !== size || asn === 0) return discard('malformed AGGREGATOR');
        attributes.aggregator = { asn, address: u32(bytes, end - 4) };
        return undefined;
      }
      case attributeCode.communities:
        // RFC 7606 7.8
        if (length === 0 || length % 4 !== 0) return withdraw('malformed COMMUNITIES');
        attributes.communities = words(bytes, at, end);
        return undefined;
      case attributeCode.originatorId:
        // RFC 7606 7.9
        if (context.external) return discard('ORIGINATOR_ID from an external peer');
        if (length !== 4) return withdraw('malformed ORIGINATOR_ID');
        attributes.originatorId = u32(bytes, at);
        return undefined;
      case attributeCode.clusterList:
        // RFC 7606 7.10
        if (context.external) return discard('CLUSTER_LIST from an external peer');
        if (length === 0 || length % 4 !== 0) return withdraw('malformed CLUSTER_LIST');
        attributes.clusterList = words(bytes, at, end);
        return undefined;
      case attributeCode.extendedCommunities: {
        // RFC 7606 7.14
        if (length === 0 || length % 8 !== 0) return withdraw('malformed EXTENDED COMMUNITIES');
        const halves = words(bytes, at, end);
        attributes.extendedCommunities = halves.flatMap((high, index) =>
          index % 2 === 0 ? [(BigInt(high) << 32n) | BigInt(halves[index + 1] ?? 0)] : [],
        );
        return undefined;
      }
      case attributeCode.largeCommunities: {
        // RFC 8092 6
        if (length === 0 || length % 12 !== 0) return withdraw('malformed LARGE_COMMUNITY');
        // 5: one that is there twice is taken once.
        const large = new Map<string, LargeCommunity>();
        for (let p = at; p < end; p += 12) {
          const community = [u32(bytes, p), u32(bytes, p + 4), u32(bytes, p + 8)] as const;
          large.set(community.join(), community);
        }
        attributes.largeCommunities = [...large.values()];
        return undefined;
      }
      case attributeCode.onlyToCustomer:
        // RFC 9234 5
        if (length !== 4) return withdraw('malformed ONLY_TO_CUSTOMER');
        attributes.onlyToCustomer = u32(bytes, at);
        return undefined;
      case attributeCode.as4Path: {
        // RFC 6793 6: discarded when malformed, or from a speaker that needs none; confederations' segments alone go.
        const path = context.as4 ? undefined : decodeAsPath(bytes, at, end, 4, 'dropped');
        if (path === undefined) return discard('malformed or needless AS4_PATH');
        this.as4Path = path;
        return undefined;
      }
      case attributeCode.as4Aggregator:
        if (context.as4 || length !== 8 || u32(bytes, at) === 0) {
          return discard('malformed or needless AS4_AGGREGATOR');
        }
        this.as4Aggregator = { asn: u32(bytes, at), address: u32(bytes, at + 4) };
        return undefined;
      case attributeCode.mpReach:
        return this.multiprotocol(decodeMpReach(bytes, at, end, context), (reach) => {
          this.mpReach = reach;
        });
      case attributeCode.mpUnreach:
        return this.multiprotocol(decodeMpUnreach(bytes, at, end, context), (block) => {
          this.mpUnreach = block;
        });
      default:
        return undefined;
    }
  }

  multiprotocol<T>(result: MpResult<T>, keep: (value: T) => void): Fault | undefined {
    if (result.value !== undefined) keep(result.value);
    return result.fault;
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

/** RFC 7606 3 c; what may be discarded without harm, is. */
function flagsFault(code: number, flags: number): Fault {
  const reason = `flags 0x${flags.toString(16)} conflict with the type`;
  return code === attributeCode.atomicAggregate || code === attributeCode.aggregator
    ? discard(reason)
    : withdraw(reason);
}

/** RFC 4271 6.3: but for subcode 1, the data is the attribute that is wrong. */
function resetFor(bytes: Uint8Array, start: number, end: number, subcode: number, reason: string): AttributesResult {
  const data = subcode === 1 ? new Uint8Array(0) : bytes.slice(start, end);
  return { kind: 'reset', notification: notification(errorCode.update, subcode, data), reason };
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
      decoder.note(0, withdraw('attribute list ends inside an attribute header'));
      break;
    }
    const code = u8(bytes, at + 1);
    const valueAt = at + headLength;
    const valueEnd = valueAt + (isLong ? u16(bytes, at + 2) : u8(bytes, at + 2));
    if (valueEnd > end) {
      // RFC 7606 4: the attribute would run over the end of the list; an MP attribute's prefixes are then lost.
      if (code === attributeCode.mpReach || code === attributeCode.mpUnreach) {
        return resetFor(bytes, at, end, 9, `attribute ${code} runs over the end of the list`);
      }
      decoder.note(code, withdraw('attribute runs over the end of the list'));
      break;
    }
    const fault = decoder.attribute(code, flags, valueAt, valueEnd);
    if (fault?.action === 'reset') return resetFor(bytes, at, valueEnd, fault.subcode, fault.reason);
    if (fault !== undefined) decoder.note(code, fault);
    at = valueEnd;
  }
  return decoder.finish();
}
