import { NotApplied, type Destination } from '../destination.ts';
import { writeFileSet, type DaemonCommands } from './file-set-writer.ts';
import { runCommand } from './run-command.ts';
import type { FileSet } from './file-set.ts';

/**
 * Daemons that read files. Each file set stands for itself: what keeps one back doesn't keep the others.
 * A daemon is told to read its files again once they were replaced, until it has; and once at the start,
 * since nobody knows whether it was told of files that were there already.
 */
export class FileDestination implements Destination<readonly FileSet[]> {
  readonly #directory: string;
  readonly #commands: DaemonCommands;
  readonly #keepsStaged: boolean;
  readonly #reloaded = new Set<string>();

  constructor(directory: string, commands: DaemonCommands, keepsStaged = false) {
    this.#directory = directory;
    this.#commands = commands;
    this.#keepsStaged = keepsStaged;
  }

  async apply(sets: readonly FileSet[], signal: AbortSignal): Promise<Record<string, unknown> | undefined> {
    const written: string[] = [];
    const reloaded: string[] = [];
    const failures: NotApplied[] = [];
    for (const set of sets) {
      try {
        const directory = set.directory ?? this.#directory;
        const files = await writeFileSet(set, directory, this.#commands.check, signal, this.#keepsStaged);
        written.push(...files);
        if (files.length > 0) this.#reloaded.delete(set.name);
        if (this.#reloaded.has(set.name)) continue;
        if (set.isDaemons !== false) await this.#commands.reload(set.name, signal);
        for (const command of set.reloadCommands ?? []) await runReload(command, signal);
        this.#reloaded.add(set.name);
        reloaded.push(set.name);
      } catch (error) {
        if (!(error instanceof NotApplied)) throw error;
        failures.push(error);
      }
    }
    const [first] = failures;
    if (first === undefined) return reloaded.length === 0 ? undefined : { written, reloaded };
    const code = failures.some((failure) => failure.code === 'refused') ? 'refused' : 'unreachable';
    throw new NotApplied(code, failures.map(({ message }) => message).join('; '), { cause: first });
  }
}

async function runReload(command: string, signal: AbortSignal): Promise<void> {
  const { exitCode, output } = await runCommand('/bin/sh', ['-c', command], { signal });
  if (exitCode !== 0) throw new NotApplied('unreachable', `the reload command "${command}" failed: ${output}`);
}
