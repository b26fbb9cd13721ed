/** When the kernel took in store revisions. Remembers the most recent applies. */
export class RevisionLog {
  readonly #limit: number;
  /** Ascending in both. */
  readonly #applies: { readonly revision: bigint; readonly unixNanos: bigint }[] = [];
  #waiters: { readonly revision: bigint; readonly resolve: () => void }[] = [];

  constructor(limit = 1000) {
    this.#limit = limit;
  }

  /** The newest revision in the kernel; 0n before the first. */
  get applied(): bigint {
    return this.#applies.at(-1)?.revision ?? 0n;
  }

  /** Everything up to `revision` is in the kernel. */
  record(revision: bigint, unixNanos: bigint): void {
    if (revision <= this.applied && this.#applies.length > 0) return;
    this.#applies.push({ revision, unixNanos });
    if (this.#applies.length > this.#limit) this.#applies.shift();
    const ready = this.#waiters.filter((waiter) => waiter.revision <= revision);
    this.#waiters = this.#waiters.filter((waiter) => waiter.revision > revision);
    for (const waiter of ready) waiter.resolve();
  }

  /**
   * When a revision was first in the kernel, in Unix nanoseconds; for one from before our memory, the oldest time that
   * we remember. `undefined` while it is not in.
   */
  appliedAt(revision: bigint): bigint | undefined {
    return this.#applies.find((apply) => apply.revision >= revision)?.unixNanos;
  }

  /** Resolves when a revision is in the kernel, or the signal fires. */
  async reached(revision: bigint, signal: AbortSignal): Promise<void> {
    if (signal.aborted || (this.#applies.length > 0 && revision <= this.applied)) return;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const waiter = {
      revision,
      resolve: () => {
        resolve(undefined);
      },
    };
    this.#waiters.push(waiter);
    signal.addEventListener('abort', waiter.resolve, { once: true });
    await promise;
    signal.removeEventListener('abort', waiter.resolve);
    this.#waiters = this.#waiters.filter((other) => other !== waiter);
  }
}
