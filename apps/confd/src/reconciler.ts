/**
 * Keeps a destination's configuration what the store says.
 *
 *   store change ───────┐
 *                       ├─ wake ─► render ─► apply, which does nothing where nothing changed
 *   destination lost ───┘                     │ failed: again, with back-off
 *
 * Nothing is rendered before the store was read whole: a configuration made of half the nodes would tear
 * down the other half's sessions.
 */
import type { Backoff, Logger, Reporter } from '@calico-node/service';
import type { RenderProblem } from './derive/resources.ts';
import { NotApplied, type Destination } from './destination.ts';
import type { Rendered } from './render/render.ts';
import { Wakeup } from './wakeup.ts';

export interface ReconcilerOptions<Config> {
  readonly destination: Destination<Config>;
  /** Renders from what the store holds now. */
  readonly render: () => Rendered<Config>;
  /** Whether something that was asked for while rendering is on its way; then it is rendered again, not applied. */
  readonly isWaiting?: () => boolean;
  /** Delays between tries. */
  readonly backoff: Backoff;
  /** How long a configuration that was refused is left alone, if the store doesn't change; else the back-off. */
  readonly refusedRetryMs?: number;
  readonly log: Logger;
  readonly health: Reporter;
  readonly signal: AbortSignal;
}

export class Reconciler<Config> {
  readonly #options: ReconcilerOptions<Config>;
  readonly #wakeup = new Wakeup();
  #isInSync = false;
  #complaints = '';
  #refusal = '';

  constructor(options: ReconcilerOptions<Config>) {
    this.#options = options;
  }

  /** The store was read whole, or changed since. */
  storeChanged(): void {
    this.#isInSync = true;
    this.#wakeup.wake();
  }

  /** Something besides the store changed; it counts once the store was read. */
  othersChanged(): void {
    this.#wakeup.wake();
  }

  /** The destination may have forgotten what it took. */
  destinationLost(reason: string): void {
    this.#options.health.report({ ready: false, reason });
    this.#wakeup.wake();
  }

  /** Works until the signal fires. */
  async run(): Promise<void> {
    const { signal } = this.#options;
    let retryMs: number | undefined;
    while (!signal.aborted) {
      await this.#wakeup.wait(signal, retryMs);
      // The signal may have fired meanwhile, which the compiler can't know.
      retryMs = this.#isInSync && !(signal.aborted as boolean) ? await this.#reconcile() : undefined;
    }
  }

  /** Brings the destination up to date; gives the time until the next try, or nothing when it succeeded. */
  async #reconcile(): Promise<number | undefined> {
    const { destination, render, isWaiting, backoff, log, health, signal } = this.#options;
    const { config, problems } = render();
    if (isWaiting?.() === true) return undefined;
    this.#logProblems(problems);
    try {
      const facts = await destination.apply(config, signal);
      backoff.reset();
      this.#refusal = '';
      health.report({ ready: true });
      if (facts !== undefined) log.info(facts, 'BGP configuration applied');
      return undefined;
    } catch (error) {
      if (signal.aborted) return undefined;
      if (!(error instanceof NotApplied)) throw error;
      return this.#afterFailure(error);
    }
  }

  #afterFailure(error: NotApplied): number {
    const { log, health, backoff, refusedRetryMs } = this.#options;
    health.report({ ready: false, reason: error.message });
    if (error.code === 'unreachable') {
      log.debug({ err: error }, 'BGP configuration not handed over; trying again');
      return backoff.nextMs();
    }
    if (this.#refusal !== error.message) {
      this.#refusal = error.message;
      log.error({ err: error }, 'BGP configuration refused; the one before stays');
    }
    return refusedRetryMs ?? backoff.nextMs();
  }

  /** Says each set of problems once, not at every rendering. */
  #logProblems(problems: readonly RenderProblem[]): void {
    const text = JSON.stringify(problems);
    if (text === this.#complaints) return;
    this.#complaints = text;
    for (const problem of problems) this.#options.log.warn({ ...problem }, 'left out of the BGP configuration');
  }
}
