/**
 * What others changed of something that is compared as a whole. It is told of, and counts as one repair, once all is as it
 * should be again and something was written for that.
 */
export class ForeignChanges {
  readonly #what = new Set<string>();
  readonly #onRepair: (what: readonly string[]) => void;
  /** As of the last time that all was as it should be; until then, what others did is nobody's business. */
  #settledWrites: number | undefined;
  #count = 0;

  constructor(onRepair: (what: readonly string[]) => void = () => undefined) {
    this.#onRepair = onRepair;
  }

  /** How often something was put right. */
  get count(): number {
    return this.#count;
  }

  get isEmpty(): boolean {
    return this.#what.size === 0;
  }

  add(what: string): void {
    if (this.#settledWrites !== undefined) this.#what.add(what);
  }

  /** All is as it should be, after so many writes since the start. */
  settle(writes: number): void {
    const what = [...this.#what];
    this.#what.clear();
    const isChanged = writes > (this.#settledWrites ?? writes);
    this.#settledWrites = writes;
    if (what.length === 0 || !isChanged) return;
    this.#count += 1;
    this.#onRepair(what);
  }
}
