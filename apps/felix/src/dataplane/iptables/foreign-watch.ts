/** How often to look, at the most. */
const INTERVAL_MS = 500;
/** A look may take this share of the time: where there is much to look at, it is looked at less often. */
const SHARE = 0.02;

/**
 * Looks again and again whether what the kernel tells nobody of is still as it was left: cheaply, so that it does not see
 * everything, behind the regular reading of all.
 */
export class ForeignWatch {
  readonly #look: () => string;
  readonly #onChange: () => void;
  /** Undefined where the next look is the first after our own writing. */
  #left: string | undefined;
  #isPaused = false;
  #notBefore = 0;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  /** @param look a text that is another one after most changes. What it throws counts as a look that saw nothing. */
  constructor(look: () => string, onChange: () => void) {
    this.#look = look;
    this.#onChange = onChange;
    this.#lookIn(INTERVAL_MS);
  }

  /** We write: changes are ours until `resume`. */
  pause(): void {
    this.#isPaused = true;
  }

  /** How it is now is how we left it. */
  resume(): void {
    this.#isPaused = false;
    this.#left = undefined;
    this.#lookIn(0);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #lookIn(delayMs: number): void {
    clearTimeout(this.#timer);
    if (this.#isStopped) return;
    const startedAt = performance.now();
    this.#timer = setTimeout(
      () => {
        const begunAt = performance.now();
        if (!this.#isPaused) this.#compare();
        const now = performance.now();
        this.#notBefore = now + (now - begunAt) / SHARE;
        this.#lookIn(INTERVAL_MS);
      },
      Math.max(delayMs, this.#notBefore - startedAt),
    ).unref();
  }

  #compare(): void {
    let seen: string;
    try {
      seen = this.#look();
    } catch {
      return;
    }
    const before = this.#left;
    this.#left = seen;
    if (before !== undefined && before !== seen) this.#onChange();
  }
}
