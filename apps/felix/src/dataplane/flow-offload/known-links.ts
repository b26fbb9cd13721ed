/** The host's interfaces, by name and by index. */
export class KnownLinks {
  readonly #indexes = new Map<string, number>();
  readonly #names = new Map<number, string>();

  has(name: string): boolean {
    return this.#indexes.has(name);
  }

  names(): Iterable<string> {
    return this.#indexes.keys();
  }

  clear(): void {
    this.#indexes.clear();
    this.#names.clear();
  }

  /** What that makes of it: `renamed` too where another one of the name has gone unnoticed. */
  set(name: string, index: number): 'same' | 'new' | 'renamed' {
    const [formerIndex, formerName] = [this.#indexes.get(name), this.#names.get(index)];
    if (formerIndex === index) return 'same';
    if (formerIndex !== undefined) this.#names.delete(formerIndex);
    if (formerName !== undefined) this.#indexes.delete(formerName);
    this.#indexes.set(name, index);
    this.#names.set(index, name);
    return formerIndex === undefined && formerName === undefined ? 'new' : 'renamed';
  }

  delete(name: string, index: number): void {
    this.#names.delete(index);
    if (this.#indexes.get(name) === index) this.#indexes.delete(name);
  }
}
