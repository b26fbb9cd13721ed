/** The queue holds as much as it may; the caller should try again later. */
export class QueueFullError extends Error {
  override readonly name = 'QueueFullError';
}

/** The caller gave up before its turn. */
export class AbandonedError extends Error {
  override readonly name = 'AbandonedError';
}

/**
 * Does one piece of work after another, in order of arrival. One node's allocations all change the same
 * few blocks: side by side they would only lose compare-and-swaps to one another. Work whose caller
 * has given up is dropped when its turn comes.
 */
export class WorkQueue {
  readonly #limit: number;
  #length = 0;
  #last: Promise<unknown> = Promise.resolve();

  /** `limit`: how much may wait or run at once; more is refused. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How much waits or runs. */
  get length(): number {
    return this.#length;
  }

  /** @throws QueueFullError, AbandonedError, and what the work throws. */
  run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    if (this.#length >= this.#limit) return Promise.reject(new QueueFullError(`${this.#length} requests wait`));
    this.#length++;
    const turn = this.#last.then(() => {
      if (signal.aborted) throw new AbandonedError('the caller gave up');
      return work();
    });
    const ended = turn.finally(() => {
      this.#length--;
    });
    this.#last = ended.catch(() => undefined);
    return ended;
  }
}
