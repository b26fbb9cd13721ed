import { Backoff } from '@calico-node/service';

/** Has something that failed tried once more: soon, since somebody else may just have been at it, and then ever later. */
export class Retry implements Disposable {
  readonly #run: () => void;
  readonly #backoff: Backoff;
  #timer: NodeJS.Timeout | undefined;

  /** @param maxMs between two tries. */
  constructor(run: () => void, maxMs: number) {
    this.#run = run;
    this.#backoff = new Backoff(100, maxMs);
  }

  /** It failed: it is tried again in time, unless that is arranged already. */
  failed(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#run();
    }, this.#backoff.nextMs());
  }

  succeeded(): void {
    this[Symbol.dispose]();
    this.#backoff.reset();
  }

  /** Nothing is tried any more. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
