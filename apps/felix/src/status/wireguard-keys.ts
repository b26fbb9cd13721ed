import { isDatastoreError, type Resources } from '@calico-node/datastore';
import type { Node } from '@calico-node/model';
import type { Family, NodeName, WireguardKey } from '@calico-node/net';
import { sleep, type Logger } from '@calico-node/service';

export interface WireguardKeysOptions {
  readonly resources: Pick<Resources, 'get' | 'update'>;
  readonly hostname: NodeName;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

const RETRY_MS = 1000;
const fields = { 4: 'wireguardPublicKey', 6: 'wireguardPublicKeyV6' } as const;

/** Keeps this node's public keys in the status of its Node resource, where other nodes look for them. */
export class WireguardKeys {
  readonly #options: WireguardKeysOptions;
  readonly #wanted = new Map<Family, WireguardKey | undefined>();
  #isRunning = false;

  constructor(options: WireguardKeysOptions) {
    this.#options = options;
  }

  /** Stores the key, or that there is none, sooner or later; a store that is away is asked again. */
  want(family: Family, key: WireguardKey | undefined): void {
    this.#wanted.set(family, key);
    if (this.#isRunning) return;
    this.#isRunning = true;
    void this.#run().finally(() => {
      this.#isRunning = false;
    });
  }

  async #run(): Promise<void> {
    const { log, signal } = this.#options;
    while (this.#wanted.size > 0 && !signal.aborted) {
      const wanted = new Map(this.#wanted);
      try {
        await this.#store(wanted);
        for (const [family, key] of wanted) if (this.#wanted.get(family) === key) this.#wanted.delete(family);
      } catch (error) {
        // Somebody else wrote in between.
        if (isDatastoreError(error, 'conflict')) continue;
        log.warn({ err: error }, 'the WireGuard key is not in the store; trying again');
        await sleep(RETRY_MS, signal);
      }
    }
  }

  async #store(wanted: ReadonlyMap<Family, WireguardKey | undefined>): Promise<void> {
    const { resources, hostname, log, signal } = this.#options;
    const node = await resources.get('Node', hostname, undefined, { signal });
    const status = withKeys(node.status, wanted);
    if (status === undefined) return;
    await resources.update({ ...node, status }, { signal });
    log.info({ keys: Object.fromEntries(wanted) }, 'the WireGuard keys of this node are in the store');
  }
}

/** The status with these keys; `undefined` when it has them. */
function withKeys(
  status: Node['status'],
  wanted: ReadonlyMap<Family, WireguardKey | undefined>,
): Node['status'] | undefined {
  let next = status ?? {};
  for (const [family, key] of wanted) {
    const field = fields[family];
    if ((next[field] ?? '') === (key ?? '')) continue;
    const { [field]: _old, ...rest } = next;
    next = key === undefined ? rest : { ...rest, [field]: key };
  }
  return next === (status ?? {}) || next === status ? undefined : next;
}
