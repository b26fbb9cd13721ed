import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { createNetns, deleteNetns } from '@calico-node/netlink';

/** Namespaces and processes that a test makes; all are gone when it is disposed of. */
export class Playground implements AsyncDisposable {
  readonly #namespaces: string[] = [];
  readonly #processes: ChildProcess[] = [];

  /** An empty namespace; its name. */
  namespace(): string {
    const name = `cnt-${randomBytes(4).toString('hex')}`;
    createNetns(name);
    this.#namespaces.push(name);
    return name;
  }

  start(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): ChildProcess {
    // The kernel ends it when the test's process ends, however that comes about.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', command, ...args], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#processes.push(child);
    return child;
  }

  /** A machine with a tap device on the host; the namespace is its inside. */
  async machine(directory: string, device: string, netns: string): Promise<ChildProcess> {
    const program = join(directory, 'tap-machine');
    execFileSync('cc', ['-Wall', '-Wextra', '-Werror', '-o', program, join(import.meta.dirname, 'tap-machine.c')]);
    const child = this.start(program, [device, `/run/netns/${netns}`]);
    await once(child.stdout ?? child, 'data');
    return child;
  }

  /** Runs a command in a namespace; gives whether it succeeded. */
  succeedsIn(netns: string, command: string): boolean {
    try {
      execFileSync('ip', ['netns', 'exec', netns, ...command.split(' ')], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  }

  async end(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#processes) await this.end(child);
    for (const name of this.#namespaces) deleteNetns(name);
  }
}
