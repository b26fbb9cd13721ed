/** What several may ask for, each of them for itself, and what of that has changed since it was last taken. */
export class CountedKeys<K> {
  readonly #counts = new Map<K, number>();
  #changed = new Set<K>();

  has(key: K): boolean {
    return this.#counts.has(key);
  }

  keys(): Iterable<K> {
    return this.#counts.keys();
  }

  add(key: K): void {
    this.#change(key, 1);
  }

  delete(key: K): void {
    this.#change(key, -1);
  }

  /** Those that may be asked for now and were not when this was last called, or the other way round. */
  takeChanged(): ReadonlySet<K> {
    const changed = this.#changed;
    this.#changed = new Set();
    return changed;
  }

  #change(key: K, by: 1 | -1): void {
    const count = (this.#counts.get(key) ?? 0) + by;
    if (count === 0) this.#counts.delete(key);
    else this.#counts.set(key, count);
    this.#changed.add(key);
  }
}
