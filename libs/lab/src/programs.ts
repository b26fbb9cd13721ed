import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';

/** The built programs: this file runs from `dist/lib` as a bundle, or from the sources. */
export const distDir =
  basename(import.meta.dirname) === 'lib'
    ? join(import.meta.dirname, '..')
    : join(import.meta.dirname, '../../../dist');

/** The path of a built program. @throws Error when the build has not been run. */
export function program(name: string): string {
  const path = join(distDir, 'bin', name);
  if (!existsSync(path)) throw new Error(`${path} is missing; 'make build' makes it`);
  return path;
}

export const nodeBinary = join(distDir, 'lib/node/bin/node');
export const workloadProgram = join(distDir, 'lib/workload.mjs');
