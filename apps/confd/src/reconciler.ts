/**
 * Keeps the BGP daemon's configuration what the store says.
 *
 *   store change ─┐
 *                 ├─ wake ─► render ─► differs from what the daemon accepted? ─► apply
 *   link lost ────┘                                   │ failed: again within a second
 *
 * Nothing is rendered before the store was read whole: a configuration made of half the nodes would tear
 * down the other half's sessions.
 */
import { isRpcError, bgpV1 } from '@calico-node/rpc';
import { Backoff, type Logger, type Reporter } from '@calico-node/service';
import type { DaemonLink } from './daemon-link.ts';
import type { RenderProblem } from './derive/resources.ts';
import type { Rendered } from './render/render.ts';
import { Wakeup } from './wakeup.ts';

export interface ReconcilerOptions {
  readonly link: DaemonLink;
  /** Renders from what the store holds now. */
  readonly render: () => Rendered<bgpV1.BgpConfig>;
  readonly log: Logger;
  readonly health: Reporter;
  readonly signal: AbortSignal;
}

/** How long a configuration that the daemon refused is left alone, if the store doesn't change. */
const REFUSED_RETRY_MS = 30_000;

export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #wakeup = new Wakeup();
  readonly #backoff = new Backoff(50, 1000);
  #isInSync = false;
  #accepted: Buffer | undefined;
  #complaints = '';

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /** The store was read whole, or changed since. */
  storeChanged(): void {
    this.#isInSync = true;
    this.#wakeup.wake();
  }

  /** The daemon may have been restarted. */
  linkLost(): void {
    this.#accepted = undefined;
    this.#options.health.report({ ready: false, reason: 'the connection to the BGP daemon was lost' });
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

  /** Brings the daemon up to date; gives the time until the next try, or nothing when it succeeded. */
  async #reconcile(): Promise<number | undefined> {
    const { link, log, health, signal } = this.#options;
    const { config, problems } = this.#options.render();
    this.#logProblems(problems);
    const encoded = Buffer.from(bgpV1.BgpConfig.encode(config).finish());
    if (this.#accepted?.equals(encoded) === true) return undefined;
    try {
      const counts = await link.apply(config, signal);
      this.#accepted = encoded;
      this.#backoff.reset();
      health.report({ ready: true });
      log.info({ neighbors: config.neighbors.length, ...counts }, 'BGP configuration applied');
      return undefined;
    } catch (error) {
      if (signal.aborted) return undefined;
      return this.#afterFailure(error);
    }
  }

  #afterFailure(error: unknown): number {
    const { log, health } = this.#options;
    const message = error instanceof Error ? error.message : String(error);
    if (isRpcError(error, 'INVALID_ARGUMENT')) {
      health.report({ ready: false, reason: `the BGP daemon refuses the configuration: ${message}` });
      log.error({ err: error }, 'BGP configuration refused; the daemon keeps the one it has');
      return REFUSED_RETRY_MS;
    }
    health.report({ ready: false, reason: `the BGP daemon can't be reached: ${message}` });
    log.debug({ err: error }, 'BGP daemon not reached; trying again');
    return this.#backoff.nextMs();
  }

  /** Says each set of problems once, not at every rendering. */
  #logProblems(problems: readonly RenderProblem[]): void {
    const text = JSON.stringify(problems);
    if (text === this.#complaints) return;
    this.#complaints = text;
    for (const problem of problems) this.#options.log.warn({ ...problem }, 'left out of the BGP configuration');
  }
}
