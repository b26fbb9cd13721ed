/** Times when tables that cannot be watched are read again: soon after a write, then after twice as long each time. */
export class CheckTimer {
  readonly #firstMs: number;
  readonly #lastMs: number;
  readonly #onCheck: () => void;
  #timer: NodeJS.Timeout | undefined;
  #isSoon = false;
  #isStopped = false;

  /** @param firstSeconds 0: no checks after writes. @param lastSeconds from here on the regular refresh is enough. */
  constructor(firstSeconds: number, lastSeconds: number, onCheck: () => void) {
    this.#firstMs = firstSeconds * 1000;
    this.#lastMs = lastSeconds * 1000;
    this.#onCheck = onCheck;
  }

  /** Something was written. */
  restart(): void {
    if (!this.#isSoon && this.#firstMs > 0) this.#start(this.#firstMs);
  }

  /** Somebody else has written: one check, this much later, for all that comes until then. */
  soon(delayMs: number): void {
    if (this.#isSoon || this.#isStopped) return;
    this.#isSoon = true;
    this.#set(delayMs, () => {
      this.#isSoon = false;
      this.#onCheck();
    });
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #start(delayMs: number): void {
    if (delayMs >= this.#lastMs) return;
    this.#set(delayMs, () => {
      this.#start(delayMs * 2);
      this.#onCheck();
    });
  }

  #set(delayMs: number, onTime: () => void): void {
    clearTimeout(this.#timer);
    if (!this.#isStopped) this.#timer = setTimeout(onTime, delayMs).unref();
  }
}
