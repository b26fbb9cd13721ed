/** Wakes a loop: however often it is called meanwhile, the loop runs once more. */
export class Wakeup {
  #isDue = false;
  #wake: () => void = () => undefined;

  call(): void {
    this.#isDue = true;
    this.#wake();
  }

  /** Resolves to true once {@link call} was called since the last time, to false after `limitMs` or the signal. */
  wait(signal: AbortSignal, limitMs?: number): Promise<boolean> {
    return new Promise((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', finish);
        this.#wake = () => undefined;
        const wasDue = this.#isDue;
        this.#isDue = false;
        resolve(wasDue);
      };
      const timer = limitMs === undefined ? undefined : setTimeout(finish, limitMs);
      this.#wake = finish;
      signal.addEventListener('abort', finish, { once: true });
      if (this.#isDue || signal.aborted) finish();
    });
  }
}
