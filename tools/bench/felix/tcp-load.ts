import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export type LoadMode = 'rr' | 'crr' | 'stream';

const run = promisify(execFile);

/** The program beside this file, compiled for this run, and the servers that were started with it. */
export class TcpLoad implements AsyncDisposable {
  readonly #directory = mkdtempSync(join(tmpdir(), 'calico-bench-'));
  readonly #program = join(this.#directory, 'tcp-load');
  readonly #servers: ChildProcess[] = [];
  readonly #cpu: string;

  /** @param cpu all of it runs on this one, so that what is compared is work and not where it was done. */
  constructor(cpu: number) {
    this.#cpu = String(cpu);
    execFileSync('gcc', ['-O2', '-o', this.#program, join(import.meta.dirname, 'tcp-load.c')]);
  }

  async serve(netns: string, port: number): Promise<void> {
    const server = spawn('nsenter', [...this.#command(netns), 'serve', String(port)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#servers.push(server);
    await once(server.stdout, 'data');
  }

  /** Round trips, connections or bits a second. */
  async measure(netns: string, mode: LoadMode, address: string, port: number, seconds: number): Promise<number> {
    const args = [...this.#command(netns), mode, address, String(port), String(seconds)];
    const { stdout } = await run('nsenter', args, { timeout: (seconds + 30) * 1000 });
    return Number(stdout);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) {
      const closed = once(server, 'close');
      server.kill('SIGKILL');
      await closed;
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #command(netns: string): readonly string[] {
    return [`--net=/run/netns/${netns}`, 'taskset', '-c', this.#cpu, this.#program];
  }
}
