import { spawn, type ChildProcess } from 'node:child_process';
import { sleep, type LevelMessage, type LogLevel } from '@calico-node/service';
import type { ComponentPhase, ComponentSpec, ComponentStatus } from './component.ts';
import { LineSplitter, mergeLine } from './log-lines.ts';
import { probeReadiness, type Readiness } from './readiness-probe.ts';
import { decideRestart, noRestarts } from './restart-policy.ts';

const probeWhileStartingMs = 100;
const probeWhenReadyMs = 1_000;

/** What a process's life looks like to the one who runs it. */
export interface ProcessEvents {
  /** One line of JSON for the merged log. */
  onLine(json: string): void;
  onStart(pid: number): void;
  /** It ended; it starts again after `delayMs`. */
  onExit(exit: { readonly how: string; readonly lastWords: string; readonly delayMs: number }): void;
  /** A crash loop began, or went on: the verdict in words. */
  onCrashLoop(verdict: string): void;
  onReadinessChange(ready: boolean, reason: string): void;
}

interface Exit {
  readonly how: string;
  readonly lastWords: string;
}

/**
 * Keeps one process running until it is told to stop. {@link run} owns the child, its timers and its
 * probes; nothing outlives it.
 */
export class SupervisedProcess {
  readonly spec: ComponentSpec;
  readonly #events: ProcessEvents;
  readonly #stopping = new AbortController();
  #extraEnv: Readonly<Record<string, string>> = {};
  #child: ChildProcess | undefined;
  #phase: ComponentPhase = 'waiting';
  #restarts = 0;
  #startedMs = 0;
  #lastExit = '';
  #ready = false;
  #reason = 'not started yet';

  constructor(spec: ComponentSpec, events: ProcessEvents) {
    this.spec = spec;
    this.#events = events;
  }

  status(): ComponentStatus {
    const { after, needsFile } = this.spec;
    return {
      name: this.spec.name,
      phase: this.#phase,
      pid: this.#child?.pid ?? 0,
      restarts: this.#restarts,
      startedMs: this.#child === undefined ? 0 : this.#startedMs,
      lastExit: this.#lastExit,
      ready: this.#ready,
      reason: this.#reason,
      after: this.#phase === 'waiting' && needsFile !== undefined ? [...after, needsFile.madeBy] : after,
    };
  }

  /** Runs the process again and again. Resolves when {@link stop} was called and no child is left. */
  async run(): Promise<void> {
    const { signal } = this.#stopping;
    let history = noRestarts;
    while (!this.#isStopping()) {
      const startedMs = Date.now();
      const exit = await this.#runOnce();
      this.#lastExit = exit.how;
      if (this.#isStopping()) break;
      this.#restarts++;
      const decision = decideRestart(history, { startedMs, endedMs: Date.now() });
      history = decision.history;
      const words = exit.lastWords === '' ? '' : `: ${exit.lastWords}`;
      this.#events.onExit({ ...exit, delayMs: decision.delayMs });
      if (decision.isCrashLoop) {
        const seconds = Math.round((Date.now() - history.sinceMs) / 1000);
        const verdict = `crash loop: ended ${history.shortRuns} times within ${seconds} s, last with ${exit.how}${words}`;
        this.#enter('crash-loop', false, verdict);
        this.#events.onCrashLoop(verdict);
      } else {
        this.#enter('backing-off', false, `ended with ${exit.how}${words}; starts again`);
      }
      if (decision.delayMs > 0) await sleep(decision.delayMs, signal);
    }
    this.#enter('stopped', false, 'stopped');
  }

  /** Ends the child, by SIGKILL after `graceMs`, and lets {@link run} return. */
  stop(graceMs: number): void {
    this.#stopping.abort();
    this.#terminate(graceMs);
  }

  /** Says what the first start waits for. */
  wait(reason: string): void {
    this.#enter('waiting', false, reason);
  }

  /** Sets the log level of the process that runs, and of those after it. False when it takes no messages. */
  setLogLevel(logLevel: LogLevel): boolean {
    if (this.spec.takesMessages !== true) return false;
    this.#extraEnv = { ...this.#extraEnv, CALICO_LOG_LEVEL: logLevel };
    const message: LevelMessage = { logLevel };
    // One that ends just now starts again with the level.
    if (this.#child?.connected === true) this.#child.send(message, () => undefined);
    return true;
  }

  /** The pids that Node.js itself waits for. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  #terminate(graceMs: number): void {
    const child = this.#child;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const terminate = (): void => {
      child.kill('SIGTERM');
    };
    if (this.spec.end === undefined) terminate();
    else void this.spec.end().catch(terminate);
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    child.once('exit', () => {
      clearTimeout(timer);
    });
  }

  #enter(phase: ComponentPhase, ready: boolean, reason: string): void {
    const hasChanged = ready !== this.#ready || (!ready && reason !== this.#reason);
    this.#phase = phase;
    this.#ready = ready;
    this.#reason = reason;
    if (hasChanged) this.#events.onReadinessChange(ready, reason);
  }

  async #runOnce(): Promise<Exit> {
    const { command, args, argv0, env, name, takesMessages } = this.spec;
    const child = spawn(command, args, {
      argv0,
      env: { ...env, ...this.#extraEnv },
      stdio: ['ignore', 'pipe', 'pipe', ...(takesMessages === true ? ['ipc' as const] : [])],
    });
    this.#child = child;
    this.#startedMs = Date.now();
    this.#enter('starting', false, 'starting');
    let lastWords = '';
    const take = (line: string): void => {
      const { json, complaint } = mergeLine(line, name, new Date());
      if (complaint !== undefined) lastWords = complaint.slice(0, 500);
      this.#events.onLine(json);
    };
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      const splitter = new LineSplitter(take);
      stream.on('data', (bytes: Buffer) => {
        splitter.push(bytes);
      });
      stream.on('end', () => {
        splitter.end();
      });
    }
    const ended = new AbortController();
    const exit = new Promise<string>((resolve) => {
      child.once('error', (error) => {
        resolve(error.message);
      });
      child.once('exit', (code, signal) => {
        resolve(signal === null ? `exit code ${String(code)}` : `signal ${signal}`);
      });
    });
    const closed = new Promise<void>((resolve) => {
      child.once('close', () => {
        resolve();
      });
    });
    if (child.pid !== undefined) this.#events.onStart(child.pid);
    const probing = this.#probe(ended.signal);
    const how = await exit;
    ended.abort();
    await probing;
    // What the child wrote before it died may still be in the pipe; a grandchild may hold it open for good.
    await Promise.race([closed, sleep(20)]);
    this.#child = undefined;
    return { how, lastWords };
  }

  async #probe(signal: AbortSignal): Promise<void> {
    const { readinessUrl: url, probe: ask } = this.spec;
    const look =
      ask ?? (url === undefined ? undefined : (until: AbortSignal): Promise<Readiness> => probeReadiness(url, until));
    if (look === undefined) {
      this.#enter('running', true, '');
      return;
    }
    const hasEnded = (): boolean => signal.aborted;
    while (!hasEnded()) {
      const { ready, reason } = await look(signal);
      if (hasEnded()) return;
      this.#enter(ready ? 'running' : this.#phase === 'running' ? 'running' : 'starting', ready, reason);
      await sleep(ready ? probeWhenReadyMs : probeWhileStartingMs, signal);
    }
  }
}
