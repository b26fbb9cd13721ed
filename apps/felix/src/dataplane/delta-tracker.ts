/** What the kernel has to be told: entries to take away (with what it has), then entries to put in. */
export interface Delta<K, V> {
  readonly removals: readonly (readonly [K, V])[];
  readonly additions: readonly (readonly [K, V])[];
}

/**
 * A collection as it should be beside the same as the kernel has it. The difference is kept at hand, so
 * that finding it costs what changed and not what there is. Values are compared with `===`.
 */
export class DeltaTracker<K, V> {
  readonly #desired = new Map<K, V>();
  #actual = new Map<K, V>();
  /** Keys that may differ. */
  readonly #dirty = new Set<K>();

  get desiredSize(): number {
    return this.#desired.size;
  }

  desiredKeys(): IterableIterator<K> {
    return this.#desired.keys();
  }

  get actualSize(): number {
    return this.#actual.size;
  }

  set(key: K, value: V): void {
    this.#desired.set(key, value);
    this.#dirty.add(key);
  }

  delete(key: K): void {
    this.#desired.delete(key);
    this.#dirty.add(key);
  }

  clear(): void {
    for (const key of this.#desired.keys()) this.#dirty.add(key);
    this.#desired.clear();
  }

  /** Takes what was read from the kernel; from here on everything that differs is pending. */
  replaceActual(entries: Iterable<readonly [K, V]>): void {
    this.#actual = new Map(entries);
    this.#dirty.clear();
    for (const [key, value] of this.#desired) if (this.#actual.get(key) !== value) this.#dirty.add(key);
    for (const key of this.#actual.keys()) if (!this.#desired.has(key)) this.#dirty.add(key);
  }

  /** What to do. A changed value is a removal and an addition. */
  pending(): Delta<K, V> {
    const removals: [K, V][] = [];
    const additions: [K, V][] = [];
    for (const key of this.#dirty) {
      const wanted = this.#desired.get(key);
      const actual = this.#actual.get(key);
      if (wanted === actual) {
        this.#dirty.delete(key);
        continue;
      }
      if (actual !== undefined) removals.push([key, actual]);
      if (wanted !== undefined) additions.push([key, wanted]);
    }
    return { removals, additions };
  }

  /** The kernel has done it. Changes made meanwhile stay pending. */
  commit(delta: Delta<K, V>): void {
    for (const [key] of delta.removals) this.#actual.delete(key);
    for (const [key, value] of delta.additions) this.#actual.set(key, value);
    for (const part of [delta.removals, delta.additions]) {
      for (const [key] of part) if (this.#desired.get(key) === this.#actual.get(key)) this.#dirty.delete(key);
    }
  }
}
