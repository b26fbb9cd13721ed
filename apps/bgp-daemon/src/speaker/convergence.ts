import { isDynamicName } from '../config/daemon-config.ts';
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
  /** By name. */
  readonly #settled = new Set<string>();
  #awaited: ReadonlySet<string> | undefined;
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
   * There is a configuration: from now on peers are waited for, or nobody if this is no restart.
   *
   * @param isOpen there may be peers that are not configured one by one: all of the time is theirs.
   * @param awaited the names of those peers whose sessions were up before; undefined: nobody knows, so all are.
   */
  start(isRestart: boolean, isOpen: boolean, awaited?: ReadonlySet<string>): void {
    this.#isOpen = isOpen;
    this.#awaited = awaited;
    if (this.#isDone || this.#deferral !== undefined) return;
    if (!isRestart) {
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
      if (neighbor.isInSync) this.#settled.add(neighbor.config.name);
      else if (neighbor.session !== undefined && !isExpectedToMark(neighbor)) this.#settleLater(neighbor);
    }
    if (this.#isComplete(neighbors)) this.#finish();
  }

  #isComplete(neighbors: readonly Neighbor[]): boolean {
    const names = neighbors.map(({ config }) => config.name);
    if (this.#awaited === undefined) return !this.#isOpen && names.every((name) => this.#settled.has(name));
    const isStillExpected = (name: string): boolean => names.includes(name) || (this.#isOpen && isDynamicName(name));
    return [...this.#awaited].every((name) => this.#settled.has(name) || !isStillExpected(name));
  }

  close(): void {
    clearTimeout(this.#deferral);
    for (const timer of this.#settling.values()) clearTimeout(timer);
    this.#settling.clear();
  }

  #settleLater(neighbor: Neighbor): void {
    if (this.#settling.has(neighbor)) return;
    const timer = setTimeout(() => {
      this.#settled.add(neighbor.config.name);
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
