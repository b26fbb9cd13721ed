/**
 * Runs calls about one container one after the other, and calls about different ones side by side. Takes a
 * limited number of calls at a time.
 */
export class CallQueue {
  readonly #limit: number;
  readonly #tails = new Map<string, Promise<unknown>>();
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Calls that run or wait. */
  get size(): number {
    return this.#size;
  }

  /** Runs `work` in its turn, at once without a key; undefined when there are too many calls already. */
  run<T>(key: string | undefined, work: () => Promise<T>): Promise<T> | undefined {
    if (this.#size >= this.#limit) return undefined;
    this.#size++;
    const previous = (key === undefined ? undefined : this.#tails.get(key)) ?? Promise.resolve();
    const mine = previous.then(work, work);
    if (key !== undefined) this.#tails.set(key, mine);
    const done = (): void => {
      this.#size--;
      if (key !== undefined && this.#tails.get(key) === mine) this.#tails.delete(key);
    };
    mine.then(done, done);
    return mine;
  }
}
