import type { Neighbor } from './neighbor.ts';

/** RFC 4724 4.1, Selection_Deferral_Timer: how long the peers' routes are waited for after a restart. */
const deferralMs = 120_000;
/** A session of which no End-of-RIB can be expected has told its routes after this long. */
const settleMs = 5000;

/**
 * Decides when the daemon, started again, has caught up: all configured peers have repeated their routes,
 * or time is up. Until then what the earlier life left in the kernel stays.
 */
export class Convergence {
  readonly #neighbors: () => readonly Neighbor[];
  readonly #onDone: () => void;
  readonly #settling = new Map<Neighbor, NodeJS.Timeout>();
  readonly #settled = new WeakSet<Neighbor>();
  #deferral: NodeJS.Timeout | undefined;
  #isDone = false;
  #isOpen = false;

  constructor(neighbors: () => readonly Neighbor[], onDone: () => void) {
    this.#neighbors = neighbors;
    this.#onDone = onDone;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /**
   * There is a configuration: from now on peers are waited for, or nobody if nothing was left over.
   *
   * @param isOpen there may be peers that are not configured one by one: all of the time is theirs.
   */
  start(hasLeftovers: boolean, isOpen: boolean): void {
    this.#isOpen = isOpen;
    if (this.#isDone || this.#deferral !== undefined) return;
    if (!hasLeftovers) {
      this.#finish();
      return;
    }
    this.#deferral = setTimeout(() => {
      this.#finish();
    }, deferralMs);
  }

  /** Looks at the sessions again. */
  check(): void {
    if (this.#isDone || this.#deferral === undefined) return;
    const neighbors = this.#neighbors();
    for (const neighbor of neighbors) {
      if (neighbor.isInSync) this.#settled.add(neighbor);
      else if (neighbor.session !== undefined && !isExpectedToMark(neighbor)) this.#settleLater(neighbor);
    }
    if (!this.#isOpen && neighbors.every((neighbor) => this.#settled.has(neighbor))) this.#finish();
  }

  close(): void {
    clearTimeout(this.#deferral);
    for (const timer of this.#settling.values()) clearTimeout(timer);
    this.#settling.clear();
  }

  #settleLater(neighbor: Neighbor): void {
    if (this.#settling.has(neighbor)) return;
    const timer = setTimeout(() => {
      this.#settled.add(neighbor);
      this.check();
    }, settleMs);
    this.#settling.set(neighbor, timer);
  }

  #finish(): void {
    this.#isDone = true;
    this.close();
    this.#onDone();
  }
}

/** RFC 4724 4.1: neither peers without the capability are waited for, nor those that restart themselves. */
function isExpectedToMark({ session }: Neighbor): boolean {
  return session?.gracefulRestart?.restarting === false;
}
