/** Zeroes the bits from `length` on, in place. */
export function maskBits(bytes: Uint8Array, length: number): Uint8Array {
  for (let index = length >>> 3; index < bytes.length; index++) {
    const kept = Math.max(0, length - index * 8);
    bytes[index] = (bytes[index] ?? 0) & (0xff00 >>> Math.min(8, kept));
  }
  return bytes;
}

/** How many leading bits two addresses of one family share, `limit` at most. */
export function commonBits(a: Uint8Array, b: Uint8Array, limit: number): number {
  for (let index = 0; index * 8 < limit; index++) {
    const difference = (a[index] ?? 0) ^ (b[index] ?? 0);
    if (difference !== 0) return Math.min(limit, index * 8 + Math.clz32(difference) - 24);
  }
  return limit;
}

/** Bit `index`, counted from the most significant. */
export function bitAt(bytes: Uint8Array, index: number): 0 | 1 {
  return (((bytes[index >>> 3] ?? 0) >>> (7 - (index & 7))) & 1) === 1 ? 1 : 0;
}
