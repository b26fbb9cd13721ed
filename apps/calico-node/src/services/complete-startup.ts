import { rmSync } from 'node:fs';
import { sleep, type Logger } from '@calico-node/service';
import type { KubernetesApi } from '../kubernetes/api.ts';
import { setNetworkUnavailable } from '../kubernetes/node-status.ts';
import { untilDone } from './keep-running.ts';

const limitMs = 5 * 60_000;
const pollMs = 500;

export interface CompleteStartupOptions {
  /** Why the node is not ready; undefined when it is. */
  readonly blocker: () => Promise<string | undefined>;
  readonly shutdownFile: string;
  /** undefined where nobody has to be told. */
  readonly kubernetes: { readonly api: KubernetesApi; readonly nodeName: string } | undefined;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * Waits until the node is ready, for five minutes at most, then forgets the last shutdown and tells Kubernetes that
 * pods of this node have a network. False when it did not become ready.
 */
export async function completeStartup(options: CompleteStartupOptions): Promise<boolean> {
  const { blocker, shutdownFile, kubernetes, log, signal } = options;
  const deadline = Date.now() + limitMs;
  for (;;) {
    const reason = await blocker();
    if (signal.aborted) return false;
    if (reason === undefined) break;
    if (Date.now() > deadline) {
      log.error({ reason }, 'the node did not become ready');
      return false;
    }
    await sleep(pollMs, signal);
  }
  rmSync(shutdownFile, { force: true });
  if (kubernetes !== undefined) {
    const { api, nodeName } = kubernetes;
    await untilDone('complete startup', () => setNetworkUnavailable(api, nodeName, false, new Date(), signal), {
      log,
      signal,
    });
  }
  log.info('start-up is complete');
  return true;
}
