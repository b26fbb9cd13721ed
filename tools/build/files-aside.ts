import { resolve } from 'node:path';
import type { Plugin } from 'esbuild';

/** Leaves packages and source files (by their absolute paths) out of a bundle: they are files of their own beside it. */
export function filesAside(paths: readonly string[], fileOf: (path: string) => string): Plugin {
  return {
    name: 'files-aside',
    setup(build) {
      build.onResolve({ filter: /.*/ }, ({ path, resolveDir, kind }) => {
        if (kind === 'entry-point') return undefined;
        const full = path.startsWith('.') ? resolve(resolveDir, path) : path;
        return paths.includes(full) ? { path: fileOf(full), external: true } : undefined;
      });
    },
  };
}
