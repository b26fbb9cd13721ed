import type { TimerName } from '@calico-node/bgp';

/** RFC 4271 10: timers are shortened by up to a quarter, so that peers do not march in step. */
const jittered: ReadonlySet<TimerName> = new Set(['connect-retry', 'keepalive', 'idle-hold']);

/** RFC 4271 4.4: never more than one a second. */
const leastKeepaliveMs = 1000;

/**
 * How long a timer runs that is set to some seconds.
 *
 * @param random from 0 to 1
 */
export function durationMs(name: TimerName, seconds: number, random: number): number {
  if (!jittered.has(name)) return seconds * 1000;
  const ms = seconds * 1000 * (0.75 + 0.25 * random);
  return name === 'keepalive' ? Math.max(ms, leastKeepaliveMs) : ms;
}

interface Running {
  timer: NodeJS.Timeout;
  dueMs: number;
}

/**
 * The timers of one connection. Restarting the hold timer, which every message does, only moves its due
 * time; the clock is looked at again when the old time comes.
 */
export class Timers {
  readonly #running = new Map<TimerName, Running>();
  readonly #onExpired: (timer: TimerName) => void;

  constructor(onExpired: (timer: TimerName) => void) {
    this.#onExpired = onExpired;
  }

  start(name: TimerName, seconds: number): void {
    const ms = durationMs(name, seconds, Math.random());
    const dueMs = performance.now() + ms;
    const running = this.#running.get(name);
    if (running !== undefined && name === 'hold' && dueMs >= running.dueMs) {
      running.dueMs = dueMs;
      return;
    }
    this.stop(name);
    this.#running.set(name, { timer: this.#arm(name, ms), dueMs });
  }

  stop(name: TimerName): void {
    clearTimeout(this.#running.get(name)?.timer);
    this.#running.delete(name);
  }

  #arm(name: TimerName, ms: number): NodeJS.Timeout {
    return setTimeout(() => {
      const running = this.#running.get(name);
      if (running === undefined) return;
      const leftMs = running.dueMs - performance.now();
      if (leftMs > 1) {
        running.timer = this.#arm(name, leftMs);
        return;
      }
      this.#running.delete(name);
      this.#onExpired(name);
    }, ms);
  }
}
