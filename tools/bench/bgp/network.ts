import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What has to go when the run is interrupted. */
const open = new Set<BenchNetwork>();

/** Has an interrupted run (Ctrl-C, SIGTERM) leave no namespace, daemon or directory behind. */
export function cleanUpWhenInterrupted(): void {
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    // Not `once`: a second signal would end the process half-way.
    process.on(signal, () => {
      for (const network of open) network.abandon();
      process.exit(code);
    });
  }
}

/** Two namespaces on one cable: the daemon under test in one, all of its peers in the other. */
export class BenchNetwork {
  readonly #id = `cnt-bench-${randomBytes(3).toString('hex')}`;
  readonly directory = mkdtempSync(join(tmpdir(), 'cnt-bench-'));
  readonly daemonAddress = '10.254.0.1';
  readonly peerAddresses: readonly string[];
  #child: ChildProcess | undefined;

  constructor(peers: number) {
    this.peerAddresses = Array.from({ length: peers }, (_, index) => `10.254.1.${index + 1}`);
    open.add(this);
    const [daemon, load] = this.#namespaces;
    for (const name of [daemon, load]) {
      ip('netns', 'add', name);
      ip('-n', name, 'link', 'set', 'lo', 'up');
    }
    ip('-n', daemon, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', load);
    ip('-n', daemon, 'address', 'add', `${this.daemonAddress}/16`, 'dev', 'eth0');
    for (const address of this.peerAddresses) ip('-n', load, 'address', 'add', `${address}/16`, 'dev', 'eth0');
    for (const name of [daemon, load]) ip('-n', name, 'link', 'set', 'eth0', 'up');
  }

  get #namespaces(): readonly [string, string] {
    return [`${this.#id}-d`, `${this.#id}-l`];
  }

  get loadNamespace(): string {
    return this.#namespaces[1];
  }

  /** How many routes of IPv4 the daemon's kernel has in its main table, which shares its trie with the local one. */
  get kernelRoutes(): number {
    const tables = readFileSync(`/proc/${this.#child?.pid ?? 0}/net/fib_triestat`, 'utf8');
    return Number(/Prefixes:\s+(\d+)/.exec(tables)?.[1] ?? 0);
  }

  /** Starts the daemon under test; its output goes to a file. */
  start(command: readonly string[], env: Readonly<Record<string, string>>): void {
    const log = openSync(join(this.directory, 'daemon.log'), 'a');
    this.#child = spawn('nsenter', [`--net=/run/netns/${this.#id}-d`, ...command], {
      cwd: this.directory,
      stdio: ['ignore', log, log],
      env: { ...process.env, ...env },
    });
    closeSync(log);
  }

  get log(): string {
    return readFileSync(join(this.directory, 'daemon.log'), 'utf8');
  }

  /** The highest resident set so far, in MiB. */
  get peakMib(): number {
    const status = readFileSync(`/proc/${this.#child?.pid ?? 0}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
  }

  /** Processor time used so far, in ms (in the clock's ticks of 10 ms). */
  get cpuMs(): number {
    const fields =
      readFileSync(`/proc/${this.#child?.pid ?? 0}/stat`, 'utf8')
        .split(') ')[1]
        ?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }

  async close(): Promise<void> {
    const child = this.#child;
    if (child?.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      const giveUp = setTimeout(() => child.kill('SIGKILL'), 3000);
      await gone;
      clearTimeout(giveUp);
    }
    this.abandon();
  }

  /** Takes everything away at once. */
  abandon(): void {
    open.delete(this);
    this.#child?.kill('SIGKILL');
    for (const name of this.#namespaces) {
      if (existsSync(`/run/netns/${name}`)) ip('netns', 'del', name);
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: 'pipe' });
}
