import {
  DatastoreError,
  type Backend,
  type CallOptions,
  type KeyValue,
  type ListResult,
  type ReadOptions,
  type WatchOptions,
} from '@calico-node/datastore';

/**
 * A store laid over another: it shows what the other holds, takes every write as the other would, and keeps it
 * to itself. What is written on it is checked against, and read together with, what is really there, so that
 * the code that writes can be run to see what it would do. It lives as long as one command.
 */
export class OverlayBackend implements Backend {
  readonly #base: Backend;
  /** What was written; undefined for what was deleted. */
  readonly #written = new Map<string, KeyValue | undefined>();
  /** Later than anything of the store below, so that revisions tell what is newer. */
  #revision = 1n << 62n;

  constructor(base: Backend) {
    this.#base = base;
  }

  get(key: string, options?: ReadOptions): Promise<KeyValue | undefined> {
    return this.#written.has(key) ? Promise.resolve(this.#written.get(key)) : this.#base.get(key, options);
  }

  async list(prefix: string, options?: ReadOptions): Promise<ListResult> {
    const { items, revision, storeId } = await this.#base.list(prefix, options);
    const all = new Map<string, KeyValue | undefined>(items.map((item) => [item.key, item]));
    for (const [key, value] of this.#written) if (key.startsWith(prefix)) all.set(key, value);
    const present = [...all.values()].filter((item) => item !== undefined);
    present.sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
    return { items: present, revision, storeId };
  }

  async create(key: string, value: string, options?: CallOptions): Promise<KeyValue> {
    const current = await this.get(key, options);
    if (current === undefined) return this.#put(key, value);
    throw new DatastoreError('already-exists', `${key} already exists`, { identity: key, current });
  }

  async update(key: string, value: string, expectedRevision: bigint, options?: CallOptions): Promise<KeyValue> {
    await this.#expect(key, expectedRevision, options);
    return this.#put(key, value);
  }

  put(key: string, value: string): Promise<KeyValue> {
    return Promise.resolve(this.#put(key, value));
  }

  async delete(key: string, expectedRevision?: bigint, options?: CallOptions): Promise<KeyValue> {
    const current = await this.#expect(key, expectedRevision, options);
    this.#written.set(key, undefined);
    return current;
  }

  watch(options: WatchOptions): Promise<void> {
    return this.#base.watch(options);
  }

  close(): void {
    this.#base.close();
  }

  #put(key: string, value: string): KeyValue {
    this.#revision += 1n;
    const written = { key, value, revision: this.#revision };
    this.#written.set(key, written);
    return written;
  }

  async #expect(key: string, revision: bigint | undefined, options: CallOptions | undefined): Promise<KeyValue> {
    const current = await this.get(key, options);
    if (current === undefined) throw new DatastoreError('not-found', `${key} does not exist`, { identity: key });
    if (revision === undefined || current.revision === revision) return current;
    throw new DatastoreError('conflict', `${key} was changed by somebody else`, { identity: key, current });
  }
}
