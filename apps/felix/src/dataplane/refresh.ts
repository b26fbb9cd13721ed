import { sleep } from '@calico-node/service';
import type { FelixParameters } from '../config/parameters.ts';
import type { DriverChoice } from './driver-choice.ts';

/** A look at a part of the kernel's state again and again, behind what the kernel itself notifies. */
export interface Refresh {
  /** 0: never. */
  readonly seconds: number;
  readonly run: () => void;
}

/** Runs each at its interval until the signal fires. */
export async function refreshPeriodically(refreshes: readonly Refresh[], signal: AbortSignal): Promise<void> {
  await Promise.all(
    refreshes
      .filter(({ seconds }) => seconds > 0)
      .map(async ({ seconds, run }) => {
        for (;;) {
          await sleep(seconds * 1000, signal);
          if (signal.aborted) return;
          run();
        }
      }),
  );
}

/**
 * How often the packet filter is read again, in seconds; 0: never. iptables and its sets are read together, as often as
 * the one that is read more often.
 */
export function filterRefreshSeconds(
  values: Pick<FelixParameters, 'IpsetsRefreshInterval' | 'IptablesRefreshInterval' | 'NftablesRefreshInterval'>,
  filter: DriverChoice['kind'],
): number {
  if (filter === 'nftables') return values.NftablesRefreshInterval;
  const intervals = [values.IptablesRefreshInterval, values.IpsetsRefreshInterval].filter((seconds) => seconds > 0);
  return intervals.length === 0 ? 0 : Math.min(...intervals);
}
