import type { LargeCommunity } from '../wire/path-attributes.ts';

/** RFC 1997 "Well-known Communities", RFC 9494. */
export const wellKnownCommunity = {
  noExport: 0xffffff01,
  noAdvertise: 0xffffff02,
  noExportSubconfed: 0xffffff03,
  /** RFC 9494 4.1 and 4.2. */
  longLivedStale: 0xffff0006,
  noLongLived: 0xffff0007,
} as const;

/** Whether an extended community may leave the AS (RFC 4360 2 and 6): the second bit of its first octet says no. */
export function isTransitive(extendedCommunity: bigint): boolean {
  return ((extendedCommunity >> 62n) & 1n) === 0n;
}

const maxU16 = 0xffff;
const maxU32 = 0xffffffff;

export type ParsedCommunity =
  { readonly kind: 'standard'; readonly value: number } | { readonly kind: 'large'; readonly value: LargeCommunity };

/** A community in Calico's notation: `a:b` (RFC 1997) or `a:b:c` (RFC 8092); `undefined` if it is neither. */
export function parseCommunity(text: string): ParsedCommunity | undefined {
  if (!/^\d{1,10}(:\d{1,10}){1,2}$/.test(text)) return undefined;
  const [a = 0, b = 0, c] = text.split(':').map(Number);
  if (c === undefined) {
    return a > maxU16 || b > maxU16 ? undefined : { kind: 'standard', value: a * 0x10000 + b };
  }
  return a > maxU32 || b > maxU32 || c > maxU32 ? undefined : { kind: 'large', value: [a, b, c] };
}

export function formatCommunity(value: number): string {
  return `${value >>> 16}:${value & maxU16}`;
}

export function formatLargeCommunity(value: LargeCommunity): string {
  return value.join(':');
}
