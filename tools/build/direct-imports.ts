import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Plugin } from 'esbuild';
import { root } from './programs.ts';

const PACKAGE = /^@calico-node\/([a-z-]+)$/;
const EXPORT = /^export (type )?\{([^}]*)\} from '([^']+)';/gm;
const IMPORT = /^import (type )?\{([^}]*)\} from '(@calico-node\/[a-z-]+)';/gm;

/**
 * Imports what comes from a library's index from the file that has it. esbuild cuts a bundle into chunks by which file
 * can reach which, so that through an index each command would reach, and load, all that any command uses of a library.
 */
export function directImports(): Plugin {
  const indexes = new Map<string, ReadonlyMap<string, string>>();

  /** The file of each name that a library exports. */
  const indexOf = (library: string): ReadonlyMap<string, string> => {
    const known = indexes.get(library);
    if (known !== undefined) return known;
    const path = join(root, 'libs', library, 'src/index.ts');
    const names = new Map<string, string>();
    for (const [, isType, list = '', from = ''] of readFileSync(path, 'utf8').matchAll(EXPORT)) {
      if (isType !== undefined) continue;
      for (const { name, alias } of specifiers(list)) {
        const inner = PACKAGE.exec(from)?.[1];
        const file = inner === undefined ? join(dirname(path), from) : indexOf(inner).get(name);
        if (file !== undefined && name === alias) names.set(name, file);
      }
    }
    indexes.set(library, names);
    return names;
  };

  const rewrite = (whole: string, isType: string | undefined, list: string, from: string): string => {
    const library = PACKAGE.exec(from)?.[1] ?? '';
    if (isType !== undefined || !existsSync(join(root, 'libs', library, 'src/index.ts'))) return whole;
    const statements = specifiers(list).map(({ name, alias }) => {
      const file = indexOf(library).get(name) ?? from;
      return `import { ${name} as ${alias} } from ${JSON.stringify(file)};`;
    });
    // On as many lines as before, so that errors have the same places.
    return statements.join(' ') + '\n'.repeat(whole.split('\n').length - 1);
  };

  return {
    name: 'direct-imports',
    setup(build) {
      build.onLoad({ filter: /\/(?:apps|libs)\/[^/]+\/src\/.*\.ts$/ }, async ({ path }) => {
        const text = await readFile(path, 'utf8');
        return { contents: text.replaceAll(IMPORT, rewrite), loader: 'ts' };
      });
    },
  };
}

/** The values of `a, type b, c as d`. */
function specifiers(list: string): readonly { readonly name: string; readonly alias: string }[] {
  return list
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '' && !item.startsWith('type '))
    .map((item) => {
      const [name = '', alias = name] = item.split(/\s+as\s+/);
      return { name, alias };
    });
}
