/**
 * How long a change takes from the store to us, by what we write ourselves: the time from sending Felix's report to its
 * coming back on the very stream that all changes come on. It is the way there, the commit, and the way back, and the
 * wait for this process, and so never less than what it stands for. No clock but this host's is asked.
 */
export class StoreDelay {
  readonly #now: () => number;
  #sent: { readonly value: string; readonly atMs: number } | undefined;
  #seconds = 0;

  /** @param now milliseconds that only grow. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Of the last report that came back; 0 before there is one. */
  get seconds(): number {
    return this.#seconds;
  }

  /** The report is on its way to the store. */
  sent(value: string): void {
    this.#sent = { value, atMs: this.#now() };
  }

  /** A report has come from the store; `isLive`: as a change, and not as part of a snapshot. */
  arrived(value: string | undefined, isLive: boolean): void {
    if (value === undefined || this.#sent?.value !== value) return;
    if (isLive) this.#seconds = (this.#now() - this.#sent.atMs) / 1000;
    this.#sent = undefined;
  }
}
