import type { NodeName } from '@calico-node/net';
import { sleep, type Logger } from '@calico-node/service';
import type { EndpointStore } from '@calico-node/workload';
import { changeEndpoint } from '../network/change-endpoint.ts';
import { endpointName } from '../network/endpoint.ts';
import { labelsIn } from '../protocol/network-options.ts';
import { containerLabels, type DockerHost } from './docker-client.ts';

const pollMs = 100;
/** More than these at once and the further ones are dropped, with a warning. */
const maxRunning = 256;

export interface LabelCopierOptions {
  readonly docker: DockerHost;
  readonly node: NodeName;
  readonly endpoints: EndpointStore;
  readonly log: Logger;
  /** How long Docker may take to say which container an endpoint is in. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Copies containers' labels `org.projectcalico.label.<name>` to their endpoints. The plug-in protocol does not tell
 * them, and Docker only knows the container once Join has been answered: so Docker is asked until it does.
 */
export class LabelCopier implements AsyncDisposable {
  readonly #options: LabelCopierOptions;
  readonly #running = new Set<Promise<void>>();

  constructor(options: LabelCopierOptions) {
    this.#options = options;
  }

  /** Begins to copy; returns at once. */
  copy(networkId: string, endpointId: string): void {
    const { log } = this.#options;
    if (this.#running.size >= maxRunning) {
      log.warn({ networkId, endpointId }, 'too many containers start at once: the labels of one are not copied');
      return;
    }
    const task = this.#copy(networkId, endpointId)
      .catch((error: unknown) => {
        log.warn({ err: error, networkId, endpointId }, 'could not copy the labels of a container');
      })
      .finally(() => this.#running.delete(task));
    this.#running.add(task);
  }

  /** Waits for what is under way; the signal ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#running);
  }

  async #copy(networkId: string, endpointId: string): Promise<void> {
    const { docker, node, endpoints, timeoutMs, signal } = this.#options;
    const deadline = Date.now() + timeoutMs;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    while (!signal.aborted) {
      const found = await containerLabels(docker, networkId, endpointId, limit).catch(retryUntil(deadline));
      if (found !== undefined) {
        const labels = labelsIn(found);
        if (Object.keys(labels).length === 0) return;
        await changeEndpoint(
          endpoints,
          endpointName(node, endpointId),
          (stored) =>
            stored && { ...stored, metadata: { ...stored.metadata, labels: { ...stored.metadata.labels, ...labels } } },
          limit,
        );
        return;
      }
      if (Date.now() >= deadline) throw new Error(`Docker named no container within ${timeoutMs / 1000} s`);
      await sleep(pollMs, signal);
    }
  }
}

/** Docker may refuse to answer while a container starts. */
function retryUntil(deadline: number): (error: unknown) => undefined {
  return (error) => {
    if (Date.now() >= deadline) throw error;
    return undefined;
  };
}
