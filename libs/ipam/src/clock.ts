/** Where sequence numbers of new blocks and claim times come from. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Nanoseconds since 1970; never the same twice. */
  nanoseconds(): bigint;
}

export function systemClock(): Clock {
  let last = 0n;
  return {
    now: () => Date.now(),
    nanoseconds: () => {
      const now = BigInt(Date.now()) * 1_000_000n;
      last = now > last ? now : last + 1n;
      return last;
    },
  };
}
