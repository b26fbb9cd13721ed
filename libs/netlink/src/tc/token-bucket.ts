import type { AttributeWriter } from '../attribute-writer.ts';
import type { Attributes } from '../attributes.ts';

/**
 * A token bucket filter (`tbf`; net/sched/sch_tbf.c): bytes leave at `rate`, and up to `burst` of them at once after a
 * pause. What finds no tokens waits in a queue of `limit` bytes; what finds that full is dropped.
 */
export interface TokenBucket {
  /** Bytes per second, at least 1. */
  readonly rate: number;
  /** Bytes. A packet larger than this never passes. */
  readonly burst: number;
  /** Bytes. */
  readonly limit: number;
  /** A second bucket, for the pace within a burst. */
  readonly peak?: {
    /** Bytes per second, more than the other rate. */
    readonly rate: number;
    /** Bytes. */
    readonly burst: number;
  };
}

/** TCA_TBF_* (include/uapi/linux/pkt_sched.h). */
const attribute = { parameters: 1, rate64: 4, peakRate64: 5, burst: 6, peakBurst: 7 } as const;

/** `struct tc_tbf_qopt`: two `struct tc_ratespec`, then limit, buffer and mtu. */
const PARAMETER_BYTES = 36;
const offset = { rate: 0, peakRate: 12, limit: 24, buffer: 28, mtu: 32 } as const;
/** TC_LINKLAYER_ETHERNET: the kernel reckons with the rate itself, without a table of times from us. */
const ETHERNET = 1;
const MAX_U32 = 0xffff_ffff;
/** One tick of the packet scheduler (PSCHED_SHIFT, include/net/pkt_sched.h). */
export const PSCHED_TICK_NS = 64;

export function writeTokenBucket(options: AttributeWriter, { rate, burst, limit, peak }: TokenBucket): void {
  const parameters = new Uint8Array(PARAMETER_BYTES);
  const view = new DataView(parameters.buffer);
  const writeRate = (at: number, bytesPerSecond: number): void => {
    view.setUint8(at + 1, ETHERNET);
    view.setUint32(at + 8, Math.min(bytesPerSecond, MAX_U32), true);
  };
  writeRate(offset.rate, rate);
  if (peak !== undefined) writeRate(offset.peakRate, peak.rate);
  view.setUint32(offset.limit, limit, true);
  options.bytes(attribute.parameters, parameters);
  options.u32(attribute.burst, burst);
  if (rate > MAX_U32) options.u64(attribute.rate64, BigInt(rate));
  if (peak === undefined) return;
  options.u32(attribute.peakBurst, peak.burst);
  if (peak.rate > MAX_U32) options.u64(attribute.peakRate64, BigInt(peak.rate));
}

/** The kernel keeps a burst as the time that it takes, in ticks: compare what comes back by `isSameTokenBucket`. */
export function readTokenBucket(options: Attributes): TokenBucket | undefined {
  const parameters = options.bytes(attribute.parameters);
  if (parameters === undefined || parameters.length < PARAMETER_BYTES) return undefined;
  const view = new DataView(parameters.buffer, parameters.byteOffset, parameters.byteLength);
  const rateAt = (at: number, rate64: number): number =>
    Number(options.u64(rate64) ?? BigInt(view.getUint32(at + 8, true)));
  const bytesIn = (at: number, rate: number): number =>
    Math.round((view.getUint32(at, true) * PSCHED_TICK_NS * rate) / 1e9);
  const rate = rateAt(offset.rate, attribute.rate64);
  const peakRate = rateAt(offset.peakRate, attribute.peakRate64);
  return {
    rate,
    burst: bytesIn(offset.buffer, rate),
    limit: view.getUint32(offset.limit, true),
    ...(peakRate === 0 ? {} : { peak: { rate: peakRate, burst: bytesIn(offset.mtu, peakRate) } }),
  };
}

/** Whether the kernel makes no difference between them. */
export function isSameTokenBucket(a: TokenBucket, b: TokenBucket): boolean {
  return (
    a.limit === b.limit &&
    isSamePace(a, b) &&
    (a.peak === undefined || b.peak === undefined ? a.peak === b.peak : isSamePace(a.peak, b.peak))
  );
}

/** Bursts lose up to a tick at each conversion, and a little of the kernel's division by multiplication. */
function isSamePace(a: NonNullable<TokenBucket['peak']>, b: NonNullable<TokenBucket['peak']>): boolean {
  const tolerance = Math.max(1, a.burst / 1000, (2 * a.rate * PSCHED_TICK_NS) / 1e9);
  return a.rate === b.rate && Math.abs(a.burst - b.burst) <= tolerance;
}
