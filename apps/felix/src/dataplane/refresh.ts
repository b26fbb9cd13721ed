import { sleep } from '@calico-node/service';

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
