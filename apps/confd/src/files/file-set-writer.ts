import { chmod, chown, copyFile, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NotApplied } from '../destination.ts';
import type { ConfigFile, FileSet } from './file-set.ts';
import { runCommand } from './run-command.ts';

/** What can be done with a daemon's configuration. Both throw NotApplied with what the daemon says. */
export interface DaemonCommands {
  /** Checks the main file, and all that it includes. */
  readonly check: (mainFile: string, signal: AbortSignal) => Promise<void>;
  /** Makes the daemon of that name read its files again. */
  readonly reload: (name: string, signal: AbortSignal) => Promise<void>;
}

/**
 * Puts a file set into a directory: staged in a directory beside, compared, checked there as a whole, then
 * renamed file by file, what is included first. Files that the check refuses leave the old ones as they are.
 * What was staged is taken away at the end, unless `keepsStaged`: then it stays until the next time.
 *
 * @returns the names of the files that were replaced, none when all were as they should be
 * @throws NotApplied: `refused` with what the check says; `unreachable` when the directory can't be written
 */
export async function writeFileSet(
  set: FileSet,
  directory: string,
  check: DaemonCommands['check'],
  signal: AbortSignal,
  keepsStaged = false,
): Promise<readonly string[]> {
  const staged = join(directory, `.${set.name}.staged`);
  const mode = set.isSecret ? 0o600 : 0o644;
  try {
    if (set.failure !== undefined) throw new NotApplied('refused', set.failure);
    const changed = await changedFiles(set, directory, mode);
    if (changed.length === 0) return [];
    await mkdir(directory, { recursive: true });
    await rm(staged, { recursive: true, force: true });
    await mkdir(staged, { mode: 0o700 });
    for (const file of set.files) await stage(file, staged, mode);
    if (set.isDaemons !== false) await check(join(staged, set.main), signal);
    for (const file of changed) await checkFile(file, staged, signal);
    for (const { name } of changed) {
      const source = keepsStaged ? await copyOf(join(staged, name)) : join(staged, name);
      await rename(source, join(directory, name));
    }
    return changed.map(({ name }) => name);
  } catch (error) {
    throw failureOf(error, set, staged);
  } finally {
    if (!keepsStaged) await rm(staged, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function changedFiles({ files }: FileSet, directory: string, mode: number): Promise<readonly ConfigFile[]> {
  const changed: ConfigFile[] = [];
  for (const file of files) {
    if (!(await isAsWanted(file, join(directory, file.name), file.mode ?? mode))) changed.push(file);
  }
  return changed;
}

async function isAsWanted(file: ConfigFile, path: string, mode: number): Promise<boolean> {
  try {
    const found = await stat(path);
    const isOwned = isSameId(file.owner?.uid, found.uid) && isSameId(file.owner?.gid, found.gid);
    return isOwned && (found.mode & 0o777) === mode && (await readFile(path, 'utf8')) === file.text;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

function isSameId(wanted: number | undefined, found: number): boolean {
  return wanted === undefined || wanted === -1 || wanted === found;
}

async function stage(file: ConfigFile, staged: string, setMode: number): Promise<void> {
  const { name, text, mode = setMode, owner } = file;
  const path = join(staged, name);
  await writeFile(path, text, { mode });
  // The mode above is subject to the umask.
  await chmod(path, mode);
  if (owner !== undefined) await chown(path, owner.uid, owner.gid);
}

/** A copy beside the file, with its permissions and owner. */
async function copyOf(path: string): Promise<string> {
  const copy = `${path}.copy`;
  await copyFile(path, copy);
  const { uid, gid } = await stat(path);
  await chown(copy, uid, gid);
  return copy;
}

/** The operator's own check of one file. */
async function checkFile({ name, checkCommand = '' }: ConfigFile, staged: string, signal: AbortSignal): Promise<void> {
  if (checkCommand === '') return;
  const command = checkCommand.replaceAll(/\{\{\s*\.src\s*\}\}/g, join(staged, name));
  const { exitCode, output } = await runCommand('/bin/sh', ['-c', command], { signal });
  if (exitCode !== 0) throw new NotApplied('refused', `the check command of ${name} fails: ${output}`);
}

function failureOf(error: unknown, { name, main }: FileSet, staged: string): NotApplied {
  if (error instanceof NotApplied) {
    const message = error.message.replaceAll(`${staged}/`, '');
    return new NotApplied(error.code, `${main} is not replaced: ${message}`, { cause: error });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new NotApplied('unreachable', `the files of ${name} can't be written: ${message}`, { cause: error });
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
