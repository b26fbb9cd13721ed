import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';

/** Writes a file whole or not at all: a runtime that reads it meanwhile gets the old one. Gives whether it changed. */
export function place(path: string, content: Buffer, mode: number): boolean {
  if (existsSync(path) && readFileSync(path).equals(content) && (statSync(path).mode & 0o777) === mode) return false;
  const temporary = `${path}.tmp`;
  rmSync(temporary, { force: true });
  writeFileSync(temporary, content, { mode });
  renameSync(temporary, path);
  return true;
}
