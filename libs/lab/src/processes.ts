import { spawn, type SpawnOptions } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { sleep } from '@calico-node/service';
import { markerVariable } from './state.ts';

export interface Command {
  readonly lab: string;
  /** Name of the network namespace it runs in; absent: the caller's own. */
  readonly netns?: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** What the lab's programs inherit of the caller's environment: nothing that would steer them. */
function environment(command: Command): Record<string, string> {
  const kept = ['PATH', 'HOME', 'TERM', 'LANG', 'TMPDIR'].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(kept), ...command.env, [markerVariable]: command.lab };
}

function inNamespace(command: Command): { file: string; args: string[] } {
  if (command.netns === undefined) return { file: command.command, args: [...command.args] };
  // nsenter replaces itself by the command: the pid is the command's own.
  return { file: 'nsenter', args: [`--net=/run/netns/${command.netns}`, '--', command.command, ...command.args] };
}

/** Starts a process that outlives the caller, in a session of its own, logging to a file. Gives its pid. */
export function startDaemon(command: Command, logFile: string): number {
  const log = openSync(logFile, 'a', 0o600);
  try {
    const { file, args } = inNamespace(command);
    const child = spawn(file, args, {
      detached: true,
      cwd: '/',
      stdio: ['ignore', log, log],
      env: environment(command),
    });
    child.unref();
    if (child.pid === undefined) throw new Error(`could not start ${command.command}`);
    return child.pid;
  } finally {
    closeSync(log);
  }
}

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. */
export function run(command: Command, input = '', options: { readonly signal?: AbortSignal } = {}): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const { file, args } = inNamespace(command);
    const child = spawn(file, args, { env: environment(command), ...options });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.once('error', reject);
    child.once('close', (code, signal) => {
      resolve({
        code: code ?? 128,
        stdout: Buffer.concat(out).toString(),
        stderr: Buffer.concat(err).toString() + (signal === null ? '' : `ended by ${signal}\n`),
      });
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

/** Runs a command on the caller's terminal. Gives its exit code. */
export function runInteractive(command: Command): Promise<number> {
  return new Promise((resolve, reject) => {
    const { file, args } = inNamespace(command);
    const options: SpawnOptions = { stdio: 'inherit', env: environment(command) };
    const child = spawn(file, args, options);
    const ignore = (): void => undefined;
    process.on('SIGINT', ignore);
    child.once('error', reject);
    child.once('close', (code) => {
      process.removeListener('SIGINT', ignore);
      resolve(code ?? 128);
    });
  });
}

/** The pids of all live processes of a lab, found by the marker in their environment. */
export function processesOf(lab: string): number[] {
  const marker = `${markerVariable}=${lab}`;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(marker);
      } catch {
        return false; // gone, or a kernel thread
      }
    })
    .map(Number)
    .filter((pid) => pid !== process.pid);
}

/** The command name of a process (at most 15 characters), empty when it is gone. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

/** Ends every process of a lab: SIGTERM, and after the grace period SIGKILL. */
export async function endProcesses(lab: string, graceMs: number): Promise<void> {
  const deadline = Date.now() + graceMs;
  let signal: NodeJS.Signals = 'SIGTERM';
  const told = new Set<number>();
  for (let left = processesOf(lab); left.length > 0; left = processesOf(lab)) {
    if (Date.now() > deadline) signal = 'SIGKILL';
    for (const pid of left) {
      if (signal === 'SIGTERM' && told.has(pid)) continue;
      told.add(pid);
      try {
        process.kill(pid, signal);
      } catch {
        // gone already
      }
    }
    await sleep(25);
  }
}
