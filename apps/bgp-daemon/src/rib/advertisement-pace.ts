import { grown, grownCapacity } from './columns.ts';

interface PaceClock {
  /** Milliseconds from any moment on. */
  now(): number;
  /** From 0 to 1. */
  random(): number;
}

/**
 * Keeps announcements to a peer apart (RFC 4271 9.2.1.1, MinRouteAdvertisementInterval): of each route by itself, so
 * that many routes are told at once, and one that changes often is told as it stands at the end of the interval.
 */
export class AdvertisementPace {
  readonly #intervalMs: number;
  readonly #clock: PaceClock;
  readonly #onDue: () => void;
  /** What waits for the end of its interval. */
  readonly #held = new Set<number>();
  /** When a slot was told last, in whole milliseconds from 1 on, which may begin anew; 0: not. */
  #toldAt = new Uint32Array(64);
  #timer: NodeJS.Timeout | undefined;

  /** @param onDue there may be something for `takeDue`. */
  constructor(intervalMs: number, clock: PaceClock, onDue: () => void) {
    this.#intervalMs = intervalMs;
    this.#clock = clock;
    this.#onDue = onDue;
  }

  get intervalMs(): number {
    return this.#intervalMs;
  }

  isHeld(slot: number): boolean {
    return this.#held.has(slot);
  }

  /** Whether a slot may be announced now; it has to be then. Otherwise it is held until it may. */
  admit(slot: number): boolean {
    const isTooSoon = this.#leftMs(slot) > 0;
    if (isTooSoon) {
      this.#held.add(slot);
      this.#arm();
    } else {
      this.told(slot);
    }
    return !isTooSoon;
  }

  /** It has been announced, whether it was due or not. */
  told(slot: number): void {
    if (slot >= this.#toldAt.length) this.#toldAt = grown(this.#toldAt, grownCapacity(this.#toldAt.length, slot + 1));
    this.#toldAt[slot] = this.#now();
    this.#held.delete(slot);
  }

  /** It is withdrawn: nothing of it waits. */
  forget(slot: number): void {
    this.#held.delete(slot);
  }

  /** The slots whose interval is over; they are not held any more. */
  takeDue(): number[] {
    const due = [...this.#held].filter((slot) => this.#leftMs(slot) <= 0);
    for (const slot of due) this.#held.delete(slot);
    if (this.#held.size > 0) this.#arm();
    return due;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#held.clear();
  }

  #now(): number {
    return (Math.floor(this.#clock.now()) >>> 0) + 1;
  }

  #leftMs(slot: number): number {
    const toldAt = this.#toldAt[slot] ?? 0;
    return toldAt === 0 ? 0 : this.#intervalMs - ((this.#now() - toldAt) >>> 0);
  }

  /** RFC 4271 10 has the interval jittered; here it is what is held that goes a little later. */
  #arm(): void {
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined;
        this.#onDue();
      },
      this.#shortestMs() * (1 + this.#clock.random() / 4),
    );
  }

  #shortestMs(): number {
    let shortest = this.#intervalMs;
    for (const slot of this.#held) shortest = Math.min(shortest, this.#leftMs(slot));
    return Math.max(1, shortest);
  }
}
