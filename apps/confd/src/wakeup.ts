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
      await new Promise<void>((resolve) => {
        const timer = timeoutMs === undefined ? undefined : setTimeout(resolve, timeoutMs);
        const finish = (): void => {
          clearTimeout(timer);
          resolve();
        };
        this.#resolve = finish;
        signal.addEventListener('abort', finish, { once: true });
      });
      this.#resolve = undefined;
    }
    this.#hasNews = false;
  }
}
