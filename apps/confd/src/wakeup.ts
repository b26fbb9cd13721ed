/** Lets one task sleep until another has news. News that come while it is awake are not lost, only merged. */
export class Wakeup {
  #hasNews = false;
  #resolve: (() => void) | undefined;

  wake(): void {
    this.#hasNews = true;
    this.#resolve?.();
  }

  /** Resolves at once when there are news, else when they come, the time is up, or the signal fires. */
  async wait(signal: AbortSignal, timeoutMs?: number): Promise<void> {
    if (!this.#hasNews && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<undefined>();
      const finish = (): void => {
        resolve(undefined);
      };
      const timer = timeoutMs === undefined ? undefined : setTimeout(finish, timeoutMs);
      this.#resolve = finish;
      signal.addEventListener('abort', finish);
      await promise;
      this.#resolve = undefined;
      signal.removeEventListener('abort', finish);
      clearTimeout(timer);
    }
    this.#hasNews = false;
  }
}
