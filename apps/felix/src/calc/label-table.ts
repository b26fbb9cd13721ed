const none: ReadonlySet<never> = new Set<never>();

/** Key to members; a key without members is not kept. */
export class Multimap<K, V> {
  readonly #map = new Map<K, Set<V>>();

  get(key: K): ReadonlySet<V> {
    return this.#map.get(key) ?? none;
  }

  keys(): Iterable<K> {
    return this.#map.keys();
  }

  get size(): number {
    return this.#map.size;
  }

  add(key: K, member: V): void {
    const members = this.#map.get(key);
    if (members === undefined) this.#map.set(key, new Set([member]));
    else members.add(member);
  }

  delete(key: K, member: V): void {
    const members = this.#map.get(key);
    if (members?.delete(member) === true && members.size === 0) this.#map.delete(key);
  }
}

/** Label and value to the members that carry them. */
export class LabelTable<V> {
  readonly #labels = new Map<string, Multimap<string, V>>();

  get(label: string, value: string): ReadonlySet<V> {
    return this.#labels.get(label)?.get(value) ?? none;
  }

  /** The values that the label has anywhere. */
  values(label: string): Iterable<string> {
    return this.#labels.get(label)?.keys() ?? [];
  }

  add(label: string, value: string, member: V): void {
    let values = this.#labels.get(label);
    if (values === undefined) this.#labels.set(label, (values = new Multimap()));
    values.add(value, member);
  }

  delete(label: string, value: string, member: V): void {
    const values = this.#labels.get(label);
    if (values === undefined) return;
    values.delete(value, member);
    if (values.size === 0) this.#labels.delete(label);
  }
}
