/**
 * The workload endpoints of one node, for BGPPeers with a `localWorkloadSelector`. The store orders endpoints by
 * namespace, so those of the whole cluster are followed, and only this node's kept; nothing is before a BGPPeer needs it.
 */
import { startSyncer, type Backend } from '@calico-node/datastore';
import {
  decodeResource,
  parseResourceKey,
  parseWorkloadEndpointName,
  resourcePrefix,
  type WorkloadEndpoint,
} from '@calico-node/model';
import type { Logger } from '@calico-node/service';
import type { StoreUpdate } from './resource-cache.ts';

const KIND = 'WorkloadEndpoint';

export interface LocalWorkloadsOptions {
  readonly backend: Backend;
  readonly nodeName: string;
  readonly onChange: () => void;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export class LocalWorkloads {
  readonly #options: LocalWorkloadsOptions;
  readonly #endpoints = new Map<string, WorkloadEndpoint>();
  #list: readonly WorkloadEndpoint[] = [];
  #isFollowed = false;
  #isInSync = false;

  constructor(options: LocalWorkloadsOptions) {
    this.#options = options;
  }

  /** Whether they were asked for, and are not known yet. */
  get isWaiting(): boolean {
    return this.#isFollowed && !this.#isInSync;
  }

  /** Those that are known now, the same list until they change; they are followed from the first call on. */
  list(): readonly WorkloadEndpoint[] {
    if (!this.#isFollowed) this.#follow();
    return this.#list;
  }

  #follow(): void {
    this.#isFollowed = true;
    const { backend, nodeName, onChange, log, signal } = this.#options;
    startSyncer({
      backend,
      prefixes: [resourcePrefix(KIND)],
      onBatch: ({ updates, inSync }) => {
        const isChanged = applyWorkloads(this.#endpoints, updates, nodeName, (key, error) => {
          log.warn({ key, err: error }, 'value in the store is not readable; treated as absent');
        });
        if (isChanged) this.#list = [...this.#endpoints.values()];
        const isNews = isChanged || inSync !== this.#isInSync;
        this.#isInSync = inSync;
        if (isNews && inSync) onChange();
      },
      log,
      signal,
    });
  }
}

/** Takes changes of endpoints, of which those of the node are kept. Whether one of these has changed. */
export function applyWorkloads(
  endpoints: Map<string, WorkloadEndpoint>,
  updates: readonly Pick<StoreUpdate, 'key' | 'value' | 'revision'>[],
  nodeName: string,
  onUnreadable: (key: string, error: unknown) => void,
): boolean {
  let isChanged = false;
  for (const { key, value, revision } of updates) {
    const name = parseResourceKey(key)?.name ?? '';
    if (parseWorkloadEndpointName(name)?.node !== nodeName) continue;
    isChanged = true;
    endpoints.delete(key);
    if (value === undefined) continue;
    try {
      endpoints.set(key, decodeResource(KIND, value, revision));
    } catch (error) {
      onUnreadable(key, error);
    }
  }
  return isChanged;
}
