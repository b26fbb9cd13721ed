import type { Logger } from '@calico-node/service';

/** Tells a change that puts right what somebody else did from one that was asked for. */
export class Repairs {
  readonly #seen = new Set<string>();
  readonly #onRepair: (what: readonly string[]) => void;
  #count = 0;

  /** @param onRepair told of each time that something was put right, and of what. */
  constructor(onRepair: (what: readonly string[]) => void = () => undefined) {
    this.#onRepair = onRepair;
  }

  /** How often something was put right. */
  get count(): number {
    return this.#count;
  }

  /** Somebody else changed it to what it should not be. */
  foreign(what: string): void {
    this.#seen.add(what);
  }

  /** These were changed by us. */
  changed(whats: Iterable<string>): void {
    if (this.#seen.size === 0) return;
    this.found([...new Set(whats)].filter((what) => this.#seen.delete(what)));
  }

  /** These, which were as they should be before, were found to be otherwise, and changed by us. */
  found(whats: readonly string[]): void {
    if (whats.length === 0) return;
    this.#count += 1;
    this.#onRepair(whats);
  }
}

/** One line of the log, however much it was. */
export function tellRepair(log: Pick<Logger, 'warn'>, what: readonly string[], of: string): void {
  log.warn({ changes: what.length, what: what.slice(0, 20) }, `somebody else changed ${of}`);
}
