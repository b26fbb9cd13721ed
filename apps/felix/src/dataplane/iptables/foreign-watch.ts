/** How often to look, at the most. */
const INTERVAL_MS = 500;
/** A look may take this share of the time: where there is much to look at, it is looked at less often. */
const SHARE = 0.02;
/** Times the interval. */
const MOST_PATIENCE = 32;

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
  #isJudged = true;
  #notBefore = 0;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  /** How much less often it looks, since what it saw was none of our concern. */
  #patience = 1;

  /** @param look a text that is another one after a change. What it throws counts as a look that saw nothing. */
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

  /** What it saw had changed something of ours, or not: then it looks half as often. */
  judge(wasOurs: boolean): void {
    if (!this.#isJudged) this.#patience = wasOurs ? 1 : Math.min(this.#patience * 2, MOST_PATIENCE);
    this.#isJudged = true;
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
        this.#lookIn(INTERVAL_MS * this.#patience);
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
    if (before === undefined || before === seen) return;
    this.#isJudged = false;
    this.#onChange();
  }
}
