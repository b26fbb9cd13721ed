import { existsSync } from 'node:fs';
import { sleep, type Logger, type LogLevel } from '@calico-node/service';
import { causesOf, type Background, type Cause, type ComponentSpec, type ComponentStatus } from './component.ts';
import { SupervisedProcess } from './supervised-process.ts';

/** How long the first start of a component waits for those it should come after. */
const gateLimitMs = 3_000;
/** Everything is stopped within this time. */
const stopLimitMs = 9_000;
/** How long one component gets to end by itself. */
const stopGraceMs = 3_000;

export interface SupervisorOptions {
  /** In start order. */
  readonly components: readonly ComponentSpec[];
  readonly log: Logger;
  /** Takes the children's log, one line of JSON at a time. */
  readonly onLine: (json: string) => void;
  /** Told whenever a component becomes ready or ceases to be. */
  readonly onChange?: (status: ComponentStatus) => void;
  /** What is known to lie behind a component's trouble. */
  readonly background?: Background;
  readonly gateLimitMs?: number;
}

export type LevelOutcome =
  | 'set'
  | 'unknown'
  /** A program that is not ours: its configuration says what it logs. */
  | 'foreign';

/**
 * Runs a node's processes: starts them in order, each when those before it are ready or the gate's limit has
 * passed; starts again what ends; stops them in reverse order.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #processes: readonly SupervisedProcess[];
  readonly #stopping = new AbortController();
  readonly #tasks = new Map<SupervisedProcess, Promise<void>>();

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#processes = options.components.map((spec) => this.#supervise(spec));
  }

  start(): void {
    const limit = this.#options.gateLimitMs ?? gateLimitMs;
    const startedMs = Date.now();
    for (const one of this.#processes) {
      this.#tasks.set(one, this.#startInTurn(one, startedMs + limit));
    }
  }

  statuses(): readonly ComponentStatus[] {
    return this.#processes.map((one) => one.status());
  }

  /** Empty when everything is ready. */
  causes(): readonly Cause[] {
    return causesOf(this.statuses(), this.#options.background);
  }

  /** The children that are Node.js's own to wait for. */
  pids(): ReadonlySet<number> {
    return new Set(this.#processes.flatMap((one) => one.pid ?? []));
  }

  /** Sets the log level of a component, or of all when the name is empty, without a restart. */
  setLogLevel(name: string, level: LogLevel): LevelOutcome {
    const matching = this.#processes.filter((one) => name === '' || one.spec.name === name);
    if (matching.length === 0) return 'unknown';
    const set = matching.filter((one) => one.setLogLevel(level));
    return set.length > 0 || name === '' ? 'set' : 'foreign';
  }

  /** Stops everything in reverse start order, within nine seconds in total. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const deadline = Date.now() + stopLimitMs;
    for (const one of this.#processes.toReversed()) {
      const left = deadline - Date.now();
      one.stop(Math.max(100, Math.min(stopGraceMs, left - 500)));
      await this.#tasks.get(one);
    }
  }

  #supervise(spec: ComponentSpec): SupervisedProcess {
    const { log, onLine, onChange } = this.#options;
    const one: SupervisedProcess = new SupervisedProcess(spec, {
      onLine,
      onStart: (pid) => {
        log.info({ process: spec.name, child: pid }, 'process started');
      },
      onExit: ({ how, lastWords, delayMs }) => {
        log.warn({ process: spec.name, how, lastWords, delayMs }, 'process ended; starting it again');
      },
      onCrashLoop: (verdict) => {
        log.error({ process: spec.name, verdict }, 'process cannot stay up');
      },
      onReadinessChange: (ready, reason) => {
        if (ready) log.info({ process: spec.name }, 'process ready');
        else log.debug({ process: spec.name, reason }, 'process not ready');
        onChange?.(one.status());
      },
    });
    return one;
  }

  async #startInTurn(one: SupervisedProcess, gateDeadlineMs: number): Promise<void> {
    const { signal } = this.#stopping;
    const blockers = (): readonly string[] =>
      this.#processes
        .filter((other) => one.spec.after.includes(other.spec.name) && !other.status().ready)
        .map((other) => other.spec.name);
    while (!signal.aborted && blockers().length > 0 && Date.now() < gateDeadlineMs) await sleep(20, signal);
    if (blockers().length > 0 && !signal.aborted) {
      this.#options.log.warn(
        { process: one.spec.name, missing: blockers() },
        'started before what it relies on is ready',
      );
    }
    const { needsFile } = one.spec;
    const isMissing = (): boolean => needsFile !== undefined && !existsSync(needsFile.path);
    if (needsFile !== undefined && isMissing()) one.wait(`${needsFile.path} is not there yet`);
    while (!signal.aborted && isMissing()) await sleep(50, signal);
    await one.run();
  }
}
