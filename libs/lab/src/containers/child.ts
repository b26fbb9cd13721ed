import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, 30 s at most. */
export function run(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  input?: Uint8Array,
): Promise<Outcome> {
  const options = { env: { PATH: process.env['PATH'], ...env }, timeout: 30_000 };
  return new Promise((resolve) => {
    const child = execFile(file, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 255;
      resolve({ code, stdout, stderr });
    });
    if (input !== undefined) child.stdin?.end(input);
  });
}

/** Waits until something holds. @throws Error after 20 s, with the last failure. */
export async function eventually<T>(attempt: () => Promise<T> | T): Promise<T> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await delay(50);
    }
  }
}

/** A process of a test; it ends with the test's, however that ends. */
export class Child {
  readonly #child: ChildProcess;
  #output = '';

  constructor(file: string, args: readonly string[], env: Readonly<Record<string, string>>) {
    this.#child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', file, ...args], {
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString()).slice(-20_000);
      });
    }
  }

  /** The end of what it printed. */
  get output(): string {
    return this.#output;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Ends it; by force when it has not ended after 15 s. */
  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.hasEnded) return;
    this.#child.kill(signal);
    await this.ended(15_000);
  }

  /** Waits until it has ended; ends it by force after the given time. */
  async ended(limitMs: number): Promise<void> {
    if (this.hasEnded) return;
    const exited = once(this.#child, 'exit');
    const force = setTimeout(() => this.#child.kill('SIGKILL'), limitMs);
    await exited;
    clearTimeout(force);
  }
}
