import { u16, u32, u8 } from './bytes.ts';
import { attributeCode, attributeFlag } from './path-attributes.ts';

/** What a plain attribute list is turned into on its way to a peer; see `planRewrite`. */
export interface RewritePlan {
  /** Four octets; undefined: the next hop stays. */
  readonly nextHop: number | undefined;
  /** Put before the AS_PATH. */
  readonly prependAs: number | undefined;
  readonly dropMed: boolean;
  /**
   * Without LOCAL_PREF, ORIGINATOR_ID, CLUSTER_LIST and non-transitive extended communities, as they do not leave an
   * AS; else LOCAL_PREF is added if missing.
   */
  readonly isExternal: boolean;
  readonly defaultLocalPref: number;
  /** Route reflection (RFC 4456 8): the originator unless the list has one, and one or two clusters, nearest first. */
  readonly reflect: { readonly originatorId: number; readonly clusters: readonly number[] } | undefined;
}

/** The most that a rewritten list is longer than the original. */
export const rewriteGrowth = 32;

const { optional, transitive, extendedLength } = attributeFlag;

function put32(out: Uint8Array, at: number, value: number): void {
  out[at] = value >>> 24;
  out[at + 1] = value >>> 16;
  out[at + 2] = value >>> 8;
  out[at + 3] = value;
}

function putAll(out: Uint8Array, to: number, values: readonly number[]): number {
  let at = to;
  for (const value of values) {
    put32(out, at, value);
    at += 4;
  }
  return at;
}

function copy(from: Uint8Array, start: number, end: number, out: Uint8Array, to: number): number {
  let at = to;
  for (let index = start; index < end; index++) out[at++] = u8(from, index);
  return at;
}

function head(out: Uint8Array, at: number, flags: number, code: number, length: number): number {
  out[at] = length > 255 ? flags | extendedLength : flags;
  out[at + 1] = code;
  if (length <= 255) {
    out[at + 2] = length;
    return at + 3;
  }
  out[at + 2] = length >>> 8;
  out[at + 3] = length;
  return at + 4;
}

function prepended(bytes: Uint8Array, start: number, end: number, asn: number, out: Uint8Array, to: number): number {
  const joins = end > start && u8(bytes, start) === 2 && u8(bytes, start + 1) < 255;
  let at = head(out, to, transitive, attributeCode.asPath, end - start + (joins ? 4 : 6));
  out[at] = 2;
  out[at + 1] = joins ? u8(bytes, start + 1) + 1 : 1;
  put32(out, at + 2, asn);
  at += 6;
  return copy(bytes, joins ? start + 2 : start, end, out, at);
}

/** Extended communities without those that do not leave the AS (RFC 4360 6); no attribute where none is left. */
function transitiveOnly(bytes: Uint8Array, start: number, end: number, out: Uint8Array, to: number): number {
  const leaves = (at: number): boolean => (u8(bytes, at) & 0x40) === 0;
  let count = 0;
  for (let at = start; at < end; at += 8) if (leaves(at)) count++;
  if (count === 0) return to;
  let next = head(out, to, optional | transitive, attributeCode.extendedCommunities, 8 * count);
  for (let at = start; at < end; at += 8) if (leaves(at)) next = copy(bytes, at, at + 8, out, next);
  return next;
}

/**
 * Writes the plain list at `start..end` of `bytes` to `out`, changed as the plan says and in the order of
 * the original, without decoding it; gives its length. `out` needs {@link rewriteGrowth} octets more.
 */
export function rewriteAttributes(
  bytes: Uint8Array,
  start: number,
  end: number,
  plan: RewritePlan,
  out: Uint8Array,
): number {
  let to = 0;
  let owesLocalPref = !plan.isExternal;
  let owesOriginator = plan.reflect !== undefined;
  let owesCluster = owesOriginator;
  for (let at = start; at < end;) {
    const isLong = (u8(bytes, at) & extendedLength) !== 0;
    const code = u8(bytes, at + 1);
    const value = at + (isLong ? 4 : 3);
    const next = value + (isLong ? u16(bytes, at + 2) : u8(bytes, at + 2));
    switch (code) {
      case attributeCode.asPath:
        if (plan.prependAs === undefined) to = copy(bytes, at, next, out, to);
        else to = prepended(bytes, value, next, plan.prependAs, out, to);
        break;
      case attributeCode.nextHop:
        to = copy(bytes, at, next, out, to);
        if (plan.nextHop !== undefined) put32(out, to - 4, plan.nextHop);
        break;
      case attributeCode.med:
        if (!plan.dropMed) to = copy(bytes, at, next, out, to);
        break;
      case attributeCode.localPref:
        owesLocalPref = false;
        if (!plan.isExternal) to = copy(bytes, at, next, out, to);
        break;
      case attributeCode.originatorId:
        owesOriginator = false;
        if (!plan.isExternal) to = copy(bytes, at, next, out, to);
        break;
      case attributeCode.clusterList:
        if (plan.isExternal) break;
        if (plan.reflect === undefined) {
          to = copy(bytes, at, next, out, to);
        } else {
          owesCluster = false;
          const { clusters } = plan.reflect;
          to = head(out, to, optional, code, next - value + 4 * clusters.length);
          to = copy(bytes, value, next, out, putAll(out, to, clusters));
        }
        break;
      case attributeCode.extendedCommunities:
        to = plan.isExternal ? transitiveOnly(bytes, value, next, out, to) : copy(bytes, at, next, out, to);
        break;
      default:
        to = copy(bytes, at, next, out, to);
    }
    at = next;
  }
  if (owesLocalPref) {
    to = head(out, to, transitive, attributeCode.localPref, 4);
    put32(out, to, plan.defaultLocalPref);
    to += 4;
  }
  if (owesOriginator && plan.reflect !== undefined) {
    to = head(out, to, optional, attributeCode.originatorId, 4);
    put32(out, to, plan.reflect.originatorId);
    to += 4;
  }
  if (owesCluster && plan.reflect !== undefined) {
    const { clusters } = plan.reflect;
    to = putAll(out, head(out, to, optional, attributeCode.clusterList, 4 * clusters.length), clusters);
  }
  return to;
}

/** The four octets of an IPv4 address as a number, at the start of an array. */
export function addressNumber(bytes: Uint8Array): number {
  return u32(bytes, 0);
}
