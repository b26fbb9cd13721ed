/** Unix time in nanoseconds; steady, unlike the clock, which may be set. */
export function unixNanos(): bigint {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6));
}
