import { appendFileSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** When a file that a network configuration names begins anew, and which of the old ones stay. */
export interface LogFileLimits {
  readonly maxMegabytes: number;
  readonly maxAgeDays: number;
  readonly maxCount: number;
}

const dayMs = 24 * 3_600_000;

/** The older files of a log, the newest first: their names carry the time at which they were closed. */
function olderThan(path: string): string[] {
  const start = `${basename(path)}.`;
  const names = readdirSync(dirname(path)).filter(
    (name) => name.startsWith(start) && /^\d+$/.test(name.slice(start.length)),
  );
  return names
    .sort((a, b) => Number(b.slice(start.length)) - Number(a.slice(start.length)))
    .map((name) => join(dirname(path), name));
}

function turnOver(path: string, { maxAgeDays, maxCount }: LogFileLimits, now: number): void {
  renameSync(path, `${path}.${now}`);
  for (const [index, old] of olderThan(path).entries()) {
    const isTooOld = now - Number(old.slice(old.lastIndexOf('.') + 1)) > maxAgeDays * dayMs;
    if (index >= maxCount || isTooOld) rmSync(old, { force: true });
  }
}

/**
 * Adds a line to a log file, whose directory is made when it is missing. A file that is full is put aside first.
 *
 * @throws the file error
 */
export function appendLogLine(path: string, line: string, limits: LogFileLimits, now: number): void {
  mkdirSync(dirname(path), { recursive: true });
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > 0 && size + line.length > limits.maxMegabytes * 1e6) turnOver(path, limits, now);
  appendFileSync(path, line, { mode: 0o640 });
}
