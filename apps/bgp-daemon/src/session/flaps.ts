import type { Dampening } from '../config/daemon-config.ts';

const firstSeconds = 5;

/** Counts the short sessions of a peer, and says how long it is to be kept down for them. */
export class Flaps {
  #count = 0;
  #untilMs = 0;

  /** Short sessions in a row. */
  get count(): number {
    return this.#count;
  }

  /** A session that lasted so long has ended. */
  ended(lastedMs: number, dampening: Dampening | undefined): void {
    if (dampening === undefined || lastedMs >= dampening.stableSeconds * 1000) {
      this.#count = 0;
      return;
    }
    this.#count++;
    const excess = this.#count - dampening.flaps;
    if (excess <= 0) return;
    const seconds = Math.min(dampening.maximumSeconds, firstSeconds * 2 ** Math.min(excess - 1, 20));
    this.#untilMs = performance.now() + seconds * 1000;
  }

  leftSeconds(dampening: Dampening | undefined): number {
    return dampening === undefined ? 0 : Math.max(0, (this.#untilMs - performance.now()) / 1000);
  }
}
