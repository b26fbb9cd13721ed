import { u32, u8 } from './bytes.ts';
import { isHostAddress } from './decode-mp.ts';
import { attributeCode, attributeFlag } from './path-attributes.ts';

/**
 * Where things are in an attribute list that has nothing unusual about it, found without making an object
 * of any. One instance is filled again and again: a busy session sends thousands of lists a second.
 */
export class PlainAttributes {
  /** The four octets of NEXT_HOP. */
  nextHop = 0;
  /** 0: none. */
  localPref = 0;
  asPathStart = 0;
  asPathEnd = 0;
  communitiesStart = 0;
  communitiesEnd = 0;
  hasOriginator = false;
  originatorId = 0;
  clusterListStart = 0;
  clusterListEnd = 0;
}

const { optional, transitive, partial, extendedLength } = attributeFlag;

function isAsPath(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    const count = u8(bytes, at + 1);
    const kind = u8(bytes, at);
    const next = at + 2 + 4 * count;
    if ((kind !== 1 && kind !== 2) || count === 0 || next > end) return false;
    for (at += 2; at < next; at += 4) if (u32(bytes, at) === 0) return false;
  }
  return at === end;
}

/** Beyond so many, comparing each with each is left to the decoder's table. */
const maxCompared = 16;

/** Whether no large community is there twice (RFC 8092 5). */
function areDistinct(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start > 12 * maxCompared) return false;
  for (let a = start; a < end; a += 12) {
    for (let b = a + 12; b < end; b += 12) {
      const isSame =
        u32(bytes, a) === u32(bytes, b) &&
        u32(bytes, a + 4) === u32(bytes, b + 4) &&
        u32(bytes, a + 8) === u32(bytes, b + 8);
      if (isSame) return false;
    }
  }
  return true;
}

/**
 * Whether a list is plain: of a session with four-octet AS numbers, everything in it well-formed under
 * RFC 4271 and RFC 7606, no attribute twice, ORIGIN, AS_PATH and NEXT_HOP there, and none that needs more
 * than being passed on (multiprotocol ones, OTC, unknown well-known ones). A list that is not plain is for
 * `decodeAttributes`, which says what is wrong or different about it.
 *
 * @param external whether it came from another AS: such a list holds nothing that stays inside one.
 */
export function scanPlainAttributes(
  bytes: Uint8Array,
  start: number,
  end: number,
  external: boolean,
  into: PlainAttributes,
): boolean {
  let seen = 0;
  into.hasOriginator = false;
  into.localPref = 0;
  into.communitiesStart = into.communitiesEnd = into.clusterListStart = into.clusterListEnd = 0;
  let at = start;
  while (at < end) {
    if (end - at < 3) return false;
    const flags = u8(bytes, at);
    const code = u8(bytes, at + 1);
    let value = at + 3;
    let length = u8(bytes, at + 2);
    if ((flags & extendedLength) !== 0) {
      length = (length << 8) | u8(bytes, at + 3);
      value++;
    }
    const next = value + length;
    // LARGE_COMMUNITY's code does not fit the mask; no attribute has the code 0.
    const bit = code === attributeCode.largeCommunities ? 1 : code < 31 ? 1 << code : 0;
    if (next > end || bit === 0 || (seen & bit) !== 0) return false;
    seen |= bit;
    const kind = flags & (optional | transitive);
    switch (code) {
      case attributeCode.origin:
        if (kind !== transitive || length !== 1 || u8(bytes, value) > 2) return false;
        break;
      case attributeCode.asPath:
        if (kind !== transitive || !isAsPath(bytes, value, next)) return false;
        into.asPathStart = value;
        into.asPathEnd = next;
        break;
      case attributeCode.nextHop:
        if (kind !== transitive || length !== 4 || !isHostAddress(u8(bytes, value))) return false;
        into.nextHop = u32(bytes, value);
        break;
      case attributeCode.med:
        if (kind !== optional || length !== 4) return false;
        break;
      case attributeCode.localPref:
        if (external || kind !== transitive || length !== 4) return false;
        into.localPref = u32(bytes, value);
        break;
      case attributeCode.atomicAggregate:
        if (kind !== transitive || length !== 0) return false;
        break;
      case attributeCode.aggregator:
        if (kind !== (optional | transitive) || length !== 8 || u32(bytes, value) === 0) return false;
        break;
      case attributeCode.communities:
        if (kind !== (optional | transitive) || length === 0 || length % 4 !== 0) return false;
        into.communitiesStart = value;
        into.communitiesEnd = next;
        break;
      case attributeCode.originatorId:
        if (external || kind !== optional || length !== 4) return false;
        into.hasOriginator = true;
        into.originatorId = u32(bytes, value);
        break;
      case attributeCode.clusterList:
        if (external || kind !== optional || length === 0 || length % 4 !== 0) return false;
        into.clusterListStart = value;
        into.clusterListEnd = next;
        break;
      case attributeCode.extendedCommunities:
        if (kind !== (optional | transitive) || length === 0 || length % 8 !== 0) return false;
        break;
      case attributeCode.largeCommunities:
        if (kind !== (optional | transitive) || length === 0 || length % 12 !== 0) return false;
        if (!areDistinct(bytes, value, next)) return false;
        break;
      default:
        return false;
    }
    // The Partial bit and the like are for the full decoder to normalise.
    if ((flags & (partial | 0x0f)) !== 0) return false;
    at = next;
  }
  const needed = (1 << attributeCode.origin) | (1 << attributeCode.asPath) | (1 << attributeCode.nextHop);
  return (seen & needed) === needed;
}

/** How often an AS number stands in the AS_PATH of a plain list. */
export function countPlainAs(bytes: Uint8Array, { asPathStart, asPathEnd }: PlainAttributes, asn: number): number {
  let count = 0;
  let at = asPathStart;
  while (at < asPathEnd) {
    const next = at + 2 + 4 * u8(bytes, at + 1);
    for (at += 2; at < next; at += 4) if (u32(bytes, at) === asn) count++;
  }
  return count;
}

/** The AS that a plain list came from: the first of a leading sequence; undefined without one. */
export function plainNeighborAs(bytes: Uint8Array, { asPathStart, asPathEnd }: PlainAttributes): number | undefined {
  return asPathStart < asPathEnd && u8(bytes, asPathStart) === 2 ? u32(bytes, asPathStart + 2) : undefined;
}

/** Whether one of the four-octet values in a range is the given one. */
export function hasPlainValue(bytes: Uint8Array, start: number, end: number, value: number): boolean {
  for (let at = start; at < end; at += 4) if (u32(bytes, at) === value) return true;
  return false;
}
