import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import type { Family } from '@calico-node/net';
import { inNetns, type NetnsRef } from '@calico-node/netlink';
import type { ProgramCounts } from '../policy-driver.ts';
import { IptablesError } from './iptables-error.ts';
import { leftOutTables, parseSaveOutput, type SavedTable } from './save-output.ts';
import { programName, type IptablesVariant } from './variant.ts';

export interface IptablesProgramsOptions {
  readonly variant: IptablesVariant;
  /** Whether iptables-restore of the legacy kind knows `--wait`, which all since 1.6.2 do; so by default. */
  readonly restoreTakesLock?: boolean;
  /** The node's namespace; the process's own when absent. */
  readonly netns?: NetnsRef;
  /** Tables that must be read whole: it is a failure when the program leaves out one of them. */
  readonly needed?: readonly string[];
  /** Told how long it took to start each program, in microseconds. */
  readonly onStart?: (micros: number) => void;
}

/** How long restore waits for somebody else who has the xtables lock. */
const LOCK_SECONDS = 10;
/** No call takes so long that is not stuck. */
const TIMEOUT_MS = 120_000;
/** How many children's ids are remembered, for what is told late of them. */
const REMEMBERED_CHILDREN = 64;
const MAX_OUTPUT_BYTES = 1 << 30;

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `iptables-save` and `iptables-restore` of one variant, for both families. */
export class IptablesPrograms {
  readonly variant: IptablesVariant;
  readonly #netns: NetnsRef | undefined;
  readonly #lockArgs: readonly string[];
  readonly #needed: readonly string[];
  readonly #children: number[] = [];
  readonly #onStart: (micros: number) => void;
  readonly #counts = { restoreCalls: 0, restoreErrors: 0, saveCalls: 0, saveErrors: 0 };
  readonly #lines: Readonly<Record<Family, Map<string, number>>> = { 4: new Map(), 6: new Map() };

  constructor(options: IptablesProgramsOptions) {
    const { variant, netns, restoreTakesLock = true, needed = [], onStart = () => undefined } = options;
    this.variant = variant;
    this.#needed = needed;
    this.#onStart = onStart;
    this.#netns = netns;
    // nf_tables has transactions of its own, and its programs no lock.
    this.#lockArgs = variant === 'nft' || !restoreTakesLock ? [] : ['--wait', `${LOCK_SECONDS}`];
  }

  get counts(): ProgramCounts {
    const linesExecuted = ([4, 6] as const).flatMap((family) =>
      [...this.#lines[family]].map(([table, lines]) => ({ family, table, lines })),
    );
    return { ...this.#counts, linesExecuted };
  }

  /** Whether the process was one of ours: the kernel names those that change nf_tables. */
  isOurs(pid: number): boolean {
    return this.#children.includes(pid);
  }

  /** @throws IptablesError */
  async save(family: Family): Promise<ReadonlyMap<string, SavedTable>> {
    const [program, args] = this.#save(family);
    return this.#read(program, await this.#run(program, args, ''));
  }

  /** @throws IptablesError */
  saveSync(family: Family): ReadonlyMap<string, SavedTable> {
    const [program, args] = this.#save(family);
    return this.#read(program, this.#runSync(program, args, ''));
  }

  /** What `iptables-save` prints. @throws IptablesError */
  async saveText(family: Family): Promise<string> {
    const [program, args] = this.#save(family);
    const outcome = await this.#run(program, args, '');
    this.#read(program, outcome);
    return outcome.stdout;
  }

  /** @throws IptablesError */
  async restore(family: Family, lines: readonly string[]): Promise<void> {
    const [program, args] = this.#restore(family, lines);
    this.#check(program, await this.#run(program, args, inputOf(lines)));
  }

  /** @throws IptablesError */
  restoreSync(family: Family, lines: readonly string[]): void {
    const [program, args] = this.#restore(family, lines);
    this.#check(program, this.#runSync(program, args, inputOf(lines)));
  }

  #save(family: Family): [string, readonly string[]] {
    this.#counts.saveCalls++;
    return [programName(this.variant, family, 'save', isInstalled), []];
  }

  #restore(family: Family, lines: readonly string[]): [string, readonly string[]] {
    this.#counts.restoreCalls++;
    this.#countLines(this.#lines[family], lines);
    return [programName(this.variant, family, 'restore', isInstalled), ['--noflush', ...this.#lockArgs]];
  }

  #read(program: string, outcome: Outcome): ReadonlyMap<string, SavedTable> {
    const leftOut = leftOutTables(outcome.stdout).filter((table) => this.#needed.includes(table));
    if (outcome.status === 0 && leftOut.length === 0) return parseSaveOutput(outcome.stdout);
    this.#counts.saveErrors++;
    if (outcome.status !== 0) throw new IptablesError(program, outcome.status, outcome.stderr);
    throw new IptablesError(program, 0, `somebody's own nft rules keep it from reading table ${leftOut.join(', ')}`);
  }

  #check(program: string, outcome: Outcome): void {
    if (outcome.status === 0) return;
    this.#counts.restoreErrors++;
    throw new IptablesError(program, outcome.status, outcome.stderr);
  }

  async #run(program: string, args: readonly string[], input: string): Promise<Outcome> {
    const child = this.#measured(() =>
      spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], timeout: TIMEOUT_MS, env: programEnvironment() }),
    );
    this.#remember(child.pid);
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    // It may end before it has read everything; its status says why.
    child.stdin.on('error', () => undefined);
    const status = await new Promise<number | null>((resolve, reject) => {
      child.on('error', (cause) => {
        reject(new IptablesError(program, null, cause.message));
      });
      child.on('close', resolve);
      child.stdin.end(input);
    });
    return { status, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
  }

  #runSync(program: string, args: readonly string[], input: string): Outcome {
    const options = { input, timeout: TIMEOUT_MS, env: programEnvironment(), maxBuffer: MAX_OUTPUT_BYTES };
    const { pid, error, status, stdout, stderr } = this.#inNamespace(() => spawnSync(program, args, options));
    this.#remember(pid);
    if (error !== undefined) throw new IptablesError(program, null, error.message);
    return { status, stdout: stdout.toString(), stderr: stderr.toString() };
  }

  #countLines(byTable: Map<string, number>, lines: readonly string[]): void {
    let table = '';
    for (const line of lines) {
      if (line.startsWith('*')) table = line.slice(1);
      byTable.set(table, (byTable.get(table) ?? 0) + 1);
    }
  }

  #inNamespace<T>(start: () => T): T {
    return this.#netns === undefined ? start() : inNetns(this.#netns, start);
  }

  #measured<T>(start: () => T): T {
    const startedAt = performance.now();
    try {
      return this.#inNamespace(start);
    } finally {
      this.#onStart((performance.now() - startedAt) * 1000);
    }
  }

  #remember(pid: number | undefined): void {
    if (pid === undefined) return;
    this.#children.push(pid);
    if (this.#children.length > REMEMBERED_CHILDREN) this.#children.shift();
  }
}

function inputOf(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}

/** Felix's own variables are none of their business; a service may have been started without the administrator's paths. */
function programEnvironment(): NodeJS.ProcessEnv {
  return { PATH: searchPath().join(':'), XTABLES_LOCKFILE: process.env['XTABLES_LOCKFILE'], LC_ALL: 'C' };
}

function searchPath(): readonly string[] {
  const own = (process.env['PATH'] ?? '').split(':').filter((part) => part !== '');
  return [...new Set([...own, '/usr/sbin', '/sbin', '/usr/bin', '/bin'])];
}

/** Whether a program of that name can be run. */
export function isInstalled(name: string): boolean {
  return searchPath().some((directory) => {
    try {
      accessSync(join(directory, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
