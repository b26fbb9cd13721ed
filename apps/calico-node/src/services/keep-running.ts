import { Backoff, sleep, type Logger } from '@calico-node/service';

const retryMinMs = 500;
const retryMaxMs = 30_000;

/** Does work until it succeeds or the signal fires; between attempts it waits, longer each time. */
export async function untilDone(
  name: string,
  work: () => Promise<void>,
  { log, signal, onFailure }: { log: Logger; signal: AbortSignal; onFailure?: (error: unknown) => void },
): Promise<void> {
  const backoff = new Backoff(retryMinMs, retryMaxMs);
  const isStopped = (): boolean => signal.aborted;
  while (!isStopped()) {
    try {
      await work();
      return;
    } catch (error) {
      if (isStopped()) return;
      const delayMs = backoff.nextMs();
      log.warn({ err: error, work: name, delayMs: Math.round(delayMs) }, 'failed; trying again');
      onFailure?.(error);
      await sleep(delayMs, signal);
    }
  }
}
