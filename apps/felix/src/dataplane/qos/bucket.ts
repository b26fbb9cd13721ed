import type { Policer, TokenBucket } from '@calico-node/netlink/tc';
import type { BandwidthLimit } from '../../calc/intents.ts';

const DEFAULT_BURST_BITS = 2 ** 32;
/** What Calico has the kernel do: a burst takes at most as long as fits into 32 bits of nanoseconds. */
const LONGEST_BURST_SECONDS = 4.29;
/** How long a packet may wait for tokens once the burst is used up. */
const WAIT_SECONDS = 0.025;
const ETHERNET_HEADER_BYTES = 14;
const MAX_U32 = 0xffff_ffff;

/**
 * The token bucket that limits bandwidth on an interface with that MTU, as Calico's is. A burst is at least one whole
 * frame, since what is larger than it never passes, and at most what the rate sends in 4.29 s. The queue holds the burst
 * and what the rate, or the peak rate where that is less, sends in 25 ms.
 */
export function bucketOf({ rate, burst, peakRate, peakBurst }: BandwidthLimit, mtu: number): TokenBucket {
  const frame = mtu + ETHERNET_HEADER_BYTES;
  const byteRate = Math.max(1, Math.floor(rate / 8));
  const wished = Math.floor((burst ?? DEFAULT_BURST_BITS) / 8);
  const bucket = {
    rate: byteRate,
    burst: Math.max(frame, Math.min(wished, Math.floor(byteRate * LONGEST_BURST_SECONDS), MAX_U32)),
  };
  if (peakRate === undefined) return { ...bucket, limit: queueOf(bucket) };
  // Both as bytes may be the same number where they were not as bits.
  const peak = {
    rate: Math.max(byteRate + 1, Math.floor(peakRate / 8)),
    burst: Math.max(frame, peakBurst ?? 0),
  };
  return { ...bucket, limit: Math.min(queueOf(bucket), queueOf(peak)), peak };
}

function queueOf({ rate, burst }: Pick<TokenBucket, 'rate' | 'burst'>): number {
  return Math.min(MAX_U32, Math.ceil(rate * WAIT_SECONDS) + burst);
}

/** A packet that is cut into segments only behind the policer counts as one: this has room for two of those. */
const LEAST_POLICED_BURST = 2 ** 17;

/** What polices at the same rate, where nothing can wait; a peak rate has no meaning there. */
export function policerOf({ rate, burst }: TokenBucket): Policer {
  return { rate, burst: Math.max(burst, LEAST_POLICED_BURST) };
}
