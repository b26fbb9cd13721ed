import { u16, u32, u8, type ByteWriter } from './bytes.ts';
import { asTrans } from './open.ts';

export type SegmentKind = 'set' | 'sequence' | 'confed-sequence' | 'confed-set';

export interface AsPathSegment {
  readonly kind: SegmentKind;
  readonly asns: readonly number[];
}

/** AS_PATH (RFC 4271 5.1.2), nearest AS first. */
export type AsPath = readonly AsPathSegment[];

const kinds: readonly (SegmentKind | undefined)[] = [undefined, 'set', 'sequence', 'confed-sequence', 'confed-set'];

/** What a confederation's segment does to a path: we are in none (RFC 5065 5). */
export type ConfederationSegments = 'malformed' | 'dropped';

/**
 * Decodes segments of two- or four-octet AS numbers. `undefined` when malformed in the sense of
 * RFC 7606 7.2 (unknown segment type, overrun, underrun, empty segment), or when it holds AS 0
 * (RFC 7607 2), or a confederation's segment where that is so.
 */
export function decodeAsPath(
  bytes: Uint8Array,
  start: number,
  end: number,
  octets: 2 | 4,
  confederations: ConfederationSegments = 'malformed',
): AsPath | undefined {
  const path: AsPathSegment[] = [];
  let at = start;
  while (at < end) {
    if (end - at < 2) return undefined;
    const kind = kinds[u8(bytes, at)];
    const count = u8(bytes, at + 1);
    at += 2;
    if (kind === undefined || count === 0 || end - at < count * octets) return undefined;
    const isPublic = kind === 'set' || kind === 'sequence';
    if (!isPublic && confederations === 'malformed') return undefined;
    const asns: number[] = [];
    for (let index = 0; index < count; index++, at += octets) {
      const asn = octets === 4 ? u32(bytes, at) : u16(bytes, at);
      if (asn === 0) return undefined;
      asns.push(asn);
    }
    if (isPublic) path.push({ kind, asns });
  }
  return path;
}

/** Appends the segments; with two octets, a larger AS number becomes AS_TRANS (RFC 6793 4.2.2). */
export function writeAsPath(writer: ByteWriter, path: AsPath, octets: 2 | 4): void {
  for (const { kind, asns } of path) {
    writer.u8(kinds.indexOf(kind)).u8(asns.length);
    for (const asn of asns) {
      if (octets === 4) writer.u32(asn);
      else writer.u16(asn > 0xffff ? asTrans : asn);
    }
  }
}

/** The length that the decision process compares: a set counts one (RFC 4271 9.1.2.2 a), confederation parts none. */
export function asPathLength(path: AsPath): number {
  let length = 0;
  for (const { kind, asns } of path) length += kind === 'sequence' ? asns.length : kind === 'set' ? 1 : 0;
  return length;
}

/** The AS that the route came from: the first of a leading sequence (RFC 4271 9.1.2.2 c). */
export function neighborAs(path: AsPath): number | undefined {
  const first = path[0];
  return first?.kind === 'sequence' ? first.asns[0] : undefined;
}

/** How often an AS number stands in the path (loop detection, RFC 4271 9.1.2). */
export function countAs(path: AsPath, asn: number): number {
  let count = 0;
  for (const segment of path) for (const member of segment.asns) if (member === asn) count++;
  return count;
}

/** The path with our AS number put before it (RFC 4271 5.1.2 b). */
export function prependAs(path: AsPath, asn: number): AsPath {
  const [first, ...rest] = path;
  if (first?.kind === 'sequence' && first.asns.length < 255) {
    return [{ kind: 'sequence', asns: [asn, ...first.asns] }, ...rest];
  }
  return [{ kind: 'sequence', asns: [asn] }, ...path];
}

/** The path that AS_PATH and AS4_PATH from a two-octet speaker stand for together (RFC 6793 4.2.3). */
export function mergeAs4Path(path: AsPath, as4Path: AsPath): AsPath {
  const excess = asPathLength(path) - asPathLength(as4Path);
  if (excess < 0) return path;
  const lead: AsPathSegment[] = [];
  let left = excess;
  for (const segment of path) {
    if (left === 0) break;
    if (segment.kind === 'set') {
      lead.push(segment);
      left--;
    } else {
      const asns = segment.asns.slice(0, left);
      lead.push({ kind: segment.kind, asns });
      left -= asns.length;
    }
  }
  const last = lead.at(-1);
  const [next, ...rest] = as4Path;
  if (last?.kind === 'sequence' && next?.kind === 'sequence' && last.asns.length + next.asns.length <= 255) {
    return [...lead.slice(0, -1), { kind: 'sequence', asns: [...last.asns, ...next.asns] }, ...rest];
  }
  return [...lead, ...as4Path];
}

/** The path in the usual notation: `64512 64513 {64514 64515}`. */
export function formatAsPath(path: AsPath): string {
  return path
    .map(({ kind, asns }) =>
      kind === 'sequence' ? asns.join(' ') : kind === 'set' ? `{${asns.join(' ')}}` : `(${asns.join(' ')})`,
    )
    .join(' ');
}
