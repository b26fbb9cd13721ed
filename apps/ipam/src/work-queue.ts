/** The queue holds as much as it may; the caller should try again later. */
export class QueueFullError extends Error {
  override readonly name = 'QueueFullError';
}

/** The caller gave up before its turn. */
export class AbandonedError extends Error {
  override readonly name = 'AbandonedError';
}

export type Settled<Res> =
  { readonly status: 'fulfilled'; readonly value: Res } | { readonly status: 'rejected'; readonly reason: unknown };

export interface WorkQueueOptions<Req, Res> {
  /** How much may wait or run at once; more is refused. */
  readonly limit: number;
  /** How much is done together at most. */
  readonly batchSize: number;
  /** Requests with the same key are never done together; undefined: together with any. */
  readonly keyOf: (request: Req) => string | undefined;
  /** Does some requests together, and gives their results in order. */
  readonly serve: (requests: readonly Req[]) => Promise<readonly Settled<Res>[]>;
  /** Done when a batch has its results and nothing waits; what comes in meanwhile waits for it. It does not fail. */
  readonly whenIdle?: () => Promise<void>;
}

interface Waiting<Req, Res> {
  readonly request: Req;
  readonly signal: AbortSignal;
  readonly settle: PromiseWithResolvers<Res>;
}

/**
 * Does one batch of requests after another, in order of arrival: what came in while a batch was under way
 * is the next one. One node's allocations all change the same few blocks: side by side they would only lose
 * compare-and-swaps to one another. A request whose caller has given up is dropped when its turn comes.
 */
export class WorkQueue<Req, Res> {
  readonly #options: WorkQueueOptions<Req, Res>;
  #waiting: Waiting<Req, Res>[] = [];
  #length = 0;
  #isRunning = false;

  constructor(options: WorkQueueOptions<Req, Res>) {
    this.#options = options;
  }

  /** How much waits or runs. */
  get length(): number {
    return this.#length;
  }

  /** @throws QueueFullError, AbandonedError, and what serving throws. */
  run(request: Req, signal: AbortSignal): Promise<Res> {
    if (this.#length >= this.#options.limit) {
      return Promise.reject(new QueueFullError(`${this.#length} requests wait already, and no more may: try again`));
    }
    this.#length++;
    const settle = Promise.withResolvers<Res>();
    this.#waiting.push({ request, signal, settle });
    if (!this.#isRunning) {
      this.#isRunning = true;
      // After this turn of the event loop: what arrives together is done together.
      setImmediate(() => void this.#work());
    }
    return settle.promise;
  }

  async #work(): Promise<void> {
    for (let batch = this.#next(); batch.length > 0; batch = this.#next()) {
      const results = await this.#serve(batch.map(({ request }) => request));
      for (const [index, { settle }] of batch.entries()) {
        this.#length--;
        const result = results[index] ?? { status: 'rejected', reason: new Error('no result') };
        if (result.status === 'fulfilled') settle.resolve(result.value);
        else settle.reject(result.reason);
      }
      if (this.#waiting.length === 0) await this.#options.whenIdle?.();
    }
    this.#isRunning = false;
  }

  async #serve(requests: readonly Req[]): Promise<readonly Settled<Res>[]> {
    try {
      return await this.#options.serve(requests);
    } catch (reason) {
      return requests.map(() => ({ status: 'rejected', reason }));
    }
  }

  /** Takes the next batch off the queue. */
  #next(): readonly Waiting<Req, Res>[] {
    const { batchSize, keyOf } = this.#options;
    const keys = new Set<string>();
    const batch: Waiting<Req, Res>[] = [];
    const later: Waiting<Req, Res>[] = [];
    for (const waiting of this.#waiting) {
      if (waiting.signal.aborted) {
        this.#length--;
        waiting.settle.reject(new AbandonedError('the caller gave up'));
        continue;
      }
      const key = keyOf(waiting.request);
      if (batch.length >= batchSize || (key !== undefined && keys.has(key))) {
        later.push(waiting);
        continue;
      }
      if (key !== undefined) keys.add(key);
      batch.push(waiting);
    }
    this.#waiting = later;
    return batch;
  }
}
