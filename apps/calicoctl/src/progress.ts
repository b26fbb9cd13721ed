import type { Io } from './io.ts';

/** Commands that are done sooner say nothing. */
const QUIET_MS = 1000;
/** Between two lines, and between two states of a line that is written over. */
const LINE_MS = 1000;
const REWRITE_MS = 100;

/**
 * How far a long command is, on standard error: on a terminal one line that is written over, elsewhere a line
 * each second. Nothing in the first second.
 */
export class Progress {
  readonly #io: Pick<Io, 'err' | 'errIsTerminal' | 'now'>;
  readonly #what: string;
  readonly #total: number | undefined;
  readonly #startMs: number;
  #nextMs: number;
  #isShown = false;

  /** `what` is a participle: `applied`. */
  constructor(io: Pick<Io, 'err' | 'errIsTerminal' | 'now'>, what: string, total?: number) {
    this.#io = io;
    this.#what = what;
    this.#total = total;
    this.#startMs = io.now().getTime();
    this.#nextMs = this.#startMs + QUIET_MS;
  }

  tick(done: number, failed = 0): void {
    const nowMs = this.#io.now().getTime();
    if (nowMs < this.#nextMs) return;
    const { errIsTerminal } = this.#io;
    this.#nextMs = nowMs + (errIsTerminal ? REWRITE_MS : LINE_MS);
    const of = this.#total === undefined ? '' : ` of ${this.#total}`;
    const rate = Math.round((done * 1000) / (nowMs - this.#startMs));
    const line = `${this.#what} ${done}${of} resources${failed === 0 ? '' : `, ${failed} failed`} (${rate}/s)`;
    this.#io.err(errIsTerminal ? `\r\u001b[K${line}` : `${line}\n`);
    this.#isShown = errIsTerminal;
  }

  /** Leaves the line to what comes next. */
  end(): void {
    if (this.#isShown) this.#io.err('\r\u001b[K');
    this.#isShown = false;
  }
}
