/**
 * How the bundle starts: with V8's compiled code kept from an earlier run, beside the bundle or, where that may not be
 * written, in the user's cache. It must be on before the program is loaded, which is why this file is apart.
 */
import { dirname } from 'node:path';
import { constants, enableCompileCache } from 'node:module';

const { status } = enableCompileCache(`${dirname(process.argv[1] ?? '.')}/compile-cache`);
if (status === constants.compileCacheStatus.FAILED) {
  const { HOME, XDG_CACHE_HOME } = process.env;
  const cache = XDG_CACHE_HOME ?? (HOME === undefined ? undefined : `${HOME}/.cache`);
  if (cache !== undefined) enableCompileCache(`${cache}/calicoctl`);
}

void import('./main.ts');
