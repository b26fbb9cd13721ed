import { sleep } from '@calico-node/service';
import { CniError, cniCodes } from '../spec/cni-error.ts';

/** How often a gate is asked, and how long all of them may take: Calico's figures. */
const calicosPace = { pollMs: 5_000, limitMs: 30_000 };

async function isOpen(url: string, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) });
    await response.body?.cancel();
    return response.status >= 200 && response.status < 400;
  } catch {
    return false;
  }
}

/** Waits until every URL answers with 200 to 399. @throws CniError code 11 naming the one that does not. */
export async function passReadinessGates(
  urls: readonly string[],
  signal: AbortSignal,
  { pollMs, limitMs } = calicosPace,
): Promise<void> {
  const deadline = Date.now() + limitMs;
  for (const url of urls) {
    while (!(await isOpen(url, pollMs, signal))) {
      if (signal.aborted || Date.now() + pollMs > deadline) {
        throw new CniError(cniCodes.tryAgainLater, `readiness gate ${url} did not open within ${limitMs / 1000} s`);
      }
      await sleep(pollMs, signal);
    }
  }
}
