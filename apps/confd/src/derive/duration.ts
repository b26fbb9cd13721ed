import { parseGoDuration } from '@calico-node/model';

/**
 * A Go duration (`1m30s`) in whole seconds, rounded as confd rounds it; 0, a daemon's default, for none and for
 * what is no length of time.
 */
export function wholeSeconds(duration: string | undefined): number {
  return Math.max(0, Math.round(Number(parseGoDuration(duration ?? '0') ?? 0n) / 1e9));
}
