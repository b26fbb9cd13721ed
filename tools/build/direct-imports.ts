import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from './programs.ts';

const PACKAGE = /^@calico-node\/([a-z-]+)$/;
const EXPORT = /^export (type )?\{([^}]*)\} from '([^']+)';/gm;
const EXPORT_ALL = /^export \* as (\w+) from '([^']+)';/gm;
const IMPORT = /^import (type )?\{([^}]*)\} from '(@calico-node\/[a-z-]+)';/gm;

/** The file that has a name of a library, as an export or as all of its exports. */
interface Source {
  readonly file: string;
  readonly isWhole: boolean;
}

/**
 * Rewrites a source file to import what comes from a library's index from the file that has it, so that using one thing
 * of a library does not evaluate its index, with a getter for each thing that there is.
 */
export function directImports(): (text: string) => string {
  const indexes = new Map<string, ReadonlyMap<string, Source>>();

  /** The file of each name that a library exports. */
  const indexOf = (library: string): ReadonlyMap<string, Source> => {
    const known = indexes.get(library);
    if (known !== undefined) return known;
    const path = join(root, 'libs', library, 'src/index.ts');
    const index = readFileSync(path, 'utf8');
    const names = new Map<string, Source>();
    for (const [, name = '', from = ''] of index.matchAll(EXPORT_ALL)) {
      names.set(name, { file: join(dirname(path), from), isWhole: true });
    }
    for (const [, isType, list = '', from = ''] of index.matchAll(EXPORT)) {
      if (isType !== undefined) continue;
      for (const { name, alias } of specifiers(list)) {
        const inner = PACKAGE.exec(from)?.[1];
        const source =
          inner === undefined ? { file: join(dirname(path), from), isWhole: false } : indexOf(inner).get(name);
        if (source !== undefined && name === alias) names.set(name, source);
      }
    }
    indexes.set(library, names);
    return names;
  };

  const rewrite = (whole: string, isType: string | undefined, list: string, from: string): string => {
    const library = PACKAGE.exec(from)?.[1] ?? '';
    if (isType !== undefined || !existsSync(join(root, 'libs', library, 'src/index.ts'))) return whole;
    const statements = specifiers(list).map(({ name, alias }) => {
      const { file, isWhole } = indexOf(library).get(name) ?? { file: from, isWhole: false };
      return `import ${isWhole ? `* as ${alias}` : `{ ${name} as ${alias} }`} from ${JSON.stringify(file)};`;
    });
    // On as many lines as before, so that errors have the same places.
    return statements.join(' ') + '\n'.repeat(whole.split('\n').length - 1);
  };

  return (text) => text.replaceAll(IMPORT, rewrite);
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
