/** One key as the store holds it. */
export interface KeyValue {
  readonly key: string;
  readonly value: string;
  /** The store's revision of the last write to this key (etcd: ModRevision). */
  readonly revision: bigint;
}

export interface CallOptions {
  /** How long the whole call may take, fail-over included, in milliseconds. Default 5000, lists 30000. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ReadOptions extends CallOptions {
  /** Read the store as it was at this revision. */
  readonly revision?: bigint | undefined;
}

export interface WriteOptions extends CallOptions {
  /** Delete the key this long after the write, unless it is written again before. Whole seconds. */
  readonly ttlSeconds?: number | undefined;
}

export interface ListResult {
  /** In key order. */
  readonly items: readonly KeyValue[];
  /** The store's revision that the list shows; a watch goes on from the next one. */
  readonly revision: bigint;
  /** Which store it is: changes when the store was replaced or restored from a backup. */
  readonly storeId: string;
}

export interface WatchEvent {
  readonly type: 'created' | 'modified' | 'deleted';
  readonly key: string;
  /** Empty when deleted. */
  readonly value: string;
  /** The revision of the change. */
  readonly revision: bigint;
  /** What the key held before, with `previous: true`, as far as the store still knows. */
  readonly previous: KeyValue | undefined;
}

export interface WatchOptions {
  /** Which keys: every key with one of these prefixes. Prefixes must not contain one another. */
  readonly prefixes: readonly string[];
  /** The first revision wanted: that of the snapshot before, plus one. */
  readonly fromRevision: bigint;
  /**
   * Up to which revision each prefix was told, of those for which that is not everything before `fromRevision`: a
   * stream that lags tells of some prefixes sooner than of others. The watch keeps it.
   */
  readonly told?: Map<string, bigint>;
  /** Tell of prefixes that lie beside one another (`/a/b/` and `/a/c/`) in revision order of them all. */
  readonly inOrder?: boolean | undefined;
  /** The store that the revision is of, as a list gave it; another store's is `compacted`. */
  readonly storeId?: string | undefined;
  /** Deliver each key's former value too. */
  readonly previous?: boolean;
  /**
   * Takes the events of one message, in revision order; never half a revision of one prefix. Synchronous, so that a
   * slow consumer slows the stream instead of filling a queue.
   */
  readonly onEvents: (events: readonly WatchEvent[]) => void;
  /** The stream is up and nothing was missed; called once. */
  readonly onStarted?: (() => void) | undefined;
  readonly signal: AbortSignal;
}

/** What must still be so for a commit to happen. */
export type Guard =
  /** The key was last written at the revision; 0: it does not exist. */
  | { readonly type: 'key'; readonly key: string; readonly revision: bigint }
  /** No key with the prefix was written after the revision. (One that was deleted since does not show.) */
  | { readonly type: 'prefix'; readonly prefix: string; readonly unchangedSince: bigint };

export type Change =
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  | { readonly type: 'delete'; readonly key: string };

export interface Commit {
  readonly guards: readonly Guard[];
  /** Each key at most once. */
  readonly changes: readonly Change[];
  /** Keys that are read, in the same step, when a guard does not hold. */
  readonly otherwiseRead?: readonly string[];
}

export type CommitResult =
  | { readonly isCommitted: true; readonly revision: bigint }
  | { readonly isCommitted: false; readonly current: ReadonlyMap<string, KeyValue> };

/** The most guards, and the most changes, that one commit may have: etcd's default limit of operations. */
export const maxCommitSize = 128;

/**
 * The store, as far as this project depends on it: compare-and-swap on single keys, consistent lists,
 * and a watch without gaps. Every function throws `DatastoreError` and ends at its time limit.
 */
export interface Backend {
  /** The key's value, or nothing when the key does not exist. Always the newest (linearizable). */
  get(key: string, options?: ReadOptions): Promise<KeyValue | undefined>;
  /** Every key with the prefix, as of one revision, however many they are. */
  list(prefix: string, options?: ReadOptions): Promise<ListResult>;
  /** @throws DatastoreError `already-exists`, with the current value. */
  create(key: string, value: string, options?: WriteOptions): Promise<KeyValue>;
  /** @throws DatastoreError `conflict` (with the current value) when the key is not at the revision; `not-found`. */
  update(key: string, value: string, expectedRevision: bigint, options?: WriteOptions): Promise<KeyValue>;
  /** Writes whatever the key held before. */
  put(key: string, value: string, options?: WriteOptions): Promise<KeyValue>;
  /**
   * Deletes the key, when a revision is given only at that revision; gives what it held.
   * @throws DatastoreError `conflict` (with the current value); `not-found`.
   */
  delete(key: string, expectedRevision?: bigint, options?: CallOptions): Promise<KeyValue>;
  /**
   * Delivers every change from a revision on, until the signal fires (then it resolves).
   * @throws DatastoreError `compacted` when changes were missed: list again; `unavailable` when the
   *   connection broke: watch again from the revision after the last one delivered.
   */
  watch(options: WatchOptions): Promise<void>;
  /**
   * Makes all changes at once, as one revision, if every guard holds; otherwise none. Absent where a store
   * has no such thing: do without, key by key. A commit whose answer was lost may have happened.
   */
  commit?(commit: Commit, options?: CallOptions): Promise<CommitResult>;
  /** Lets go of all connections; running calls fail. */
  close(): void;
}
