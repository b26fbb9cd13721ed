import type { KeyValue } from '../backend.ts';

/** A change to one key; without a value it was deleted. */
export interface Update {
  readonly key: string;
  readonly value: string | undefined;
  readonly revision: bigint;
}

/**
 * What was emitted so far: each live key with its revision, so that a new snapshot can be told from
 * the old by its differences alone. Values are not kept.
 */
export class EmittedKeys {
  readonly #revisions = new Map<string, bigint>();

  get size(): number {
    return this.#revisions.size;
  }

  /** Whether a change is news; notes it if so. A replayed or older one is not. */
  note(update: Update): boolean {
    const known = this.#revisions.get(update.key);
    if (known !== undefined && known >= update.revision) return false;
    if (update.value === undefined) return this.#revisions.delete(update.key);
    this.#revisions.set(update.key, update.revision);
    return true;
  }

  /**
   * The changes that lead from what was emitted to a snapshot, in revision order, deletions first
   * (a key that is gone has no revision left but the snapshot's). With `isOther`, the snapshot is
   * of another store, or of the same before, so that equal revisions prove nothing and every key counts
   * as changed.
   */
  replace(items: readonly KeyValue[], revision: bigint, isOther: boolean): readonly Update[] {
    const live = new Set<string>();
    const changed: Update[] = [];
    for (const item of items) {
      live.add(item.key);
      if (!isOther && this.#revisions.get(item.key) === item.revision) continue;
      changed.push(item);
    }
    const deleted: Update[] = [];
    for (const key of this.#revisions.keys()) if (!live.has(key)) deleted.push({ key, value: undefined, revision });
    for (const { key } of deleted) this.#revisions.delete(key);
    for (const item of changed) this.#revisions.set(item.key, item.revision);
    changed.sort(byRevision);
    return [...deleted, ...changed];
  }
}

function byRevision(a: Update, b: Update): number {
  return a.revision < b.revision ? -1 : a.revision > b.revision ? 1 : 0;
}
