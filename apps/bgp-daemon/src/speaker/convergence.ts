import type { Neighbor } from './neighbor.ts';

/** RFC 4724 4.1, Selection_Deferral_Timer: how long the peers' routes are waited for after a restart. */
const deferralMs = 120_000;
/** A session without End-of-RIB has told its routes after this long. */
const settleMs = 5000;

/**
 * Decides when the daemon, started again, has caught up: all configured peers have repeated their routes,
 * or time is up. Until then what the earlier life left in the kernel stays.
 */
export class Convergence {
  readonly #onDone: () => void;
  readonly #settled = new Set<Neighbor>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #isDone = false;
  #isStarted = false;

  constructor(onDone: () => void) {
    this.#onDone = onDone;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** There is a configuration: from now on peers are waited for, or nobody if nothing was left over. */
  start(hasLeftovers: boolean): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    if (!hasLeftovers) this.#finish();
    else
      this.#after(deferralMs, () => {
        this.#finish();
      });
  }

  /** Looks at the sessions again. */
  check(neighbors: Iterable<Neighbor>): void {
    if (this.#isDone || !this.#isStarted) return;
    const all = [...neighbors];
    for (const neighbor of all) {
      if (neighbor.isInSync && !this.#settled.has(neighbor)) {
        this.#settled.add(neighbor);
        if (neighbor.session?.gracefulRestart === undefined) {
          this.#settled.delete(neighbor);
          this.#settleLater(neighbor, all);
        }
      }
    }
    if (all.every((neighbor) => this.#settled.has(neighbor))) this.#finish();
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #settleLater(neighbor: Neighbor, all: readonly Neighbor[]): void {
    this.#after(settleMs, () => {
      this.#settled.add(neighbor);
      if (all.every((other) => this.#settled.has(other))) this.#finish();
    });
  }

  #after(ms: number, then: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      then();
    }, ms);
    this.#timers.add(timer);
  }

  #finish(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.close();
    this.#onDone();
  }
}
