import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** The node name that an earlier start-up stored; undefined when there is none. */
export function readNodenameFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Stores the node name for the CNI plug-in and the next start-up; readers never see half of it. */
export function writeNodenameFile(path: string, name: string): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.tmp`;
  writeFileSync(temporary, name, { mode: 0o644 });
  renameSync(temporary, path);
}
