import { setTimeout as delay } from 'node:timers/promises';
import type { Backend, KeyValue, WatchEvent } from '../backend.ts';
import { DatastoreError, isDatastoreError } from '../errors.ts';
import { silentLog, type Log } from '../log.ts';
import { EmittedKeys, type Update } from './snapshot-diff.ts';

export interface SyncerBatch {
  /** In revision order; each key at most once in a snapshot. */
  readonly updates: readonly Update[];
  /** The consumer's state after this batch is the store's at (at least) this revision. */
  readonly revision: bigint;
  /** The first snapshot is complete with this batch. Never goes back to false. */
  readonly inSync: boolean;
}

export interface SyncerOptions {
  readonly backend: Backend;
  /** The keys to follow. Prefixes must not contain one another; one watch stream carries them all. */
  readonly prefixes: readonly string[];
  /**
   * Deliver changes of prefixes that lie beside one another (`/a/b/` and `/a/c/`) in the order in which they were made
   * also while the stream lags. It then carries whatever else lies there, too.
   */
  readonly inOrder?: boolean;
  /** Called synchronously, one batch after another. May be called with no updates, to mark in-sync. */
  readonly onBatch: (batch: SyncerBatch) => void;
  /** The connection's state changed: following the store, or not, and why. For readiness. */
  readonly onConnection?: ((state: { readonly connected: boolean; readonly reason: string }) => void) | undefined;
  readonly log?: Log | undefined;
  readonly signal: AbortSignal;
}

export interface Syncer {
  /** Resolves when the signal fired and no batch will come any more; rejects when `onBatch` throws. */
  readonly done: Promise<void>;
}

/** Between two attempts: soon at first, and never longer than an operator would want to wait. */
const retryMinMs = 50;
const retryMaxMs = 500;

/** Updates per batch while a snapshot is delivered. */
const chunkSize = 5000;

/**
 * Follows the store: one snapshot of all prefixes as of one revision, then every change. An etcd that
 * restarts, loses its leader or is away for minutes costs nothing but delay: the watch goes on where
 * it stopped, and when the store has compacted that revision away, a new snapshot is taken and only
 * the difference is delivered.
 */
export function startSyncer(options: SyncerOptions): Syncer {
  const done = new Follower(options).run();
  done.catch(() => undefined); // the caller may look at it later, or never
  return { done };
}

class Follower {
  readonly #options: SyncerOptions;
  readonly #log: Log;
  readonly #emitted = new EmittedKeys();
  /** Everything up to this revision was delivered; nothing yet when undefined. */
  #revision: bigint | undefined;
  /** How far the watch has come with each prefix since the snapshot: with some it may lag. */
  readonly #told = new Map<string, bigint>();
  /** The store that the revision is of. */
  #storeId: string | undefined;
  #needsSnapshot = true;
  #inSync = false;
  #connected: boolean | undefined;
  /** What the consumer threw, which no retry mends; whoever carried it here may have taken it for the store's. */
  #failure: { readonly error: unknown } | undefined;

  constructor(options: SyncerOptions) {
    this.#options = options;
    this.#log = options.log ?? silentLog;
  }

  async run(): Promise<void> {
    const options = this.#options;
    const { signal } = options;
    let waitMs = retryMinMs;
    while (!signal.aborted) {
      try {
        if (this.#needsSnapshot) await this.#snapshot();
        await this.#watch(() => {
          waitMs = retryMinMs;
        });
      } catch (error) {
        if (options.signal.aborted) return;
        if (this.#failure !== undefined) throw this.#failure.error;
        if (isDatastoreError(error, 'compacted')) {
          this.#log.warn(
            { err: error, revision: String(this.#revision) },
            'changes were missed, taking a new snapshot',
          );
          this.#needsSnapshot = true;
        }
        this.#report(false, error instanceof Error ? error.message : String(error));
        await delay(waitMs, undefined, { signal }).catch(() => undefined);
        waitMs = Math.min(retryMaxMs, waitMs * 2);
      }
    }
  }

  /** Lists all prefixes as of the revision of the first, and delivers what is new. */
  async #snapshot(): Promise<void> {
    const { backend, prefixes, signal } = this.#options;
    const items: KeyValue[] = [];
    let revision: bigint | undefined;
    let storeId: string | undefined;
    for (const prefix of prefixes) {
      const list = await backend.list(prefix, { revision, signal });
      revision ??= list.revision;
      storeId ??= list.storeId;
      if (list.storeId !== storeId) throw new DatastoreError('compacted', 'the store was replaced while it was read');
      for (const item of list.items) items.push(item);
    }
    if (revision === undefined) throw new DatastoreError('validation', 'a syncer needs at least one prefix');
    const isOther = this.#revision !== undefined && (revision < this.#revision || storeId !== this.#storeId);
    if (isOther) {
      this.#log.warn({ from: String(this.#revision), to: String(revision) }, 'the store was replaced or restored');
    }
    const updates = this.#emitted.replace(items, revision, isOther);
    this.#revision = revision;
    for (const prefix of prefixes) this.#told.set(prefix, revision);
    this.#storeId = storeId;
    this.#needsSnapshot = false;
    const chunks = Math.max(1, Math.ceil(updates.length / chunkSize));
    for (let chunk = 0; chunk < chunks; chunk++) {
      this.#inSync ||= chunk === chunks - 1;
      this.#deliver(updates.slice(chunk * chunkSize, (chunk + 1) * chunkSize), revision);
    }
    this.#log.info({ keys: items.length, changes: updates.length, revision: String(revision) }, 'snapshot delivered');
  }

  async #watch(onStarted: () => void): Promise<void> {
    const { backend, prefixes, inOrder, signal } = this.#options;
    await backend.watch({
      prefixes,
      inOrder,
      fromRevision: (this.#revision ?? 0n) + 1n,
      told: this.#told,
      storeId: this.#storeId,
      signal,
      onStarted: () => {
        onStarted();
        this.#report(true, '');
      },
      onEvents: (events) => {
        this.#take(events);
      },
    });
  }

  #take(events: readonly WatchEvent[]): void {
    const updates: Update[] = [];
    let revision = this.#revision ?? 0n;
    for (const event of events) {
      const update = {
        key: event.key,
        value: event.type === 'deleted' ? undefined : event.value,
        revision: event.revision,
      };
      if (this.#emitted.note(update)) updates.push(update);
      if (event.revision > revision) revision = event.revision;
    }
    this.#revision = revision;
    if (updates.length > 0) this.#deliver(updates, revision);
  }

  #deliver(updates: readonly Update[], revision: bigint): void {
    try {
      this.#options.onBatch({ updates, revision, inSync: this.#inSync });
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }

  #report(connected: boolean, reason: string): void {
    if (this.#connected === connected) return;
    this.#connected = connected;
    if (connected) this.#log.info({ revision: String(this.#revision) }, 'following the store');
    else this.#log.warn({ reason }, 'not following the store, trying again');
    this.#options.onConnection?.({ connected, reason });
  }
}
