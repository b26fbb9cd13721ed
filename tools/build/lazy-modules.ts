import { readFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { dirname, resolve } from 'node:path';
import type { Plugin } from 'esbuild';
import ts from 'typescript';
import { directImports } from './direct-imports.ts';

/** As TypeScript writes the imports of a CommonJS module. */
const REQUIRE = /^const (\w+) = require\("([^"]+)"\);$/gm;
const OURS = /^(?:[./]|node:|@calico-node\/)/;
const SOURCE = /\/(?:apps|libs)\/[^/]+\/src\/.*\.ts$/;

/**
 * Makes a bundle evaluate each of our modules, and load each of Node.js's, when something of it is first used, not when
 * it is imported: an import becomes a call of `require` at each place of use, which esbuild makes a call of a function
 * that evaluates once. Modules without side effects, which ours are, behave the same. `import.meta.url` becomes a call
 * of `__bundleUrl`, which the bundle must have.
 */
export function lazyModules(): Plugin {
  const builtins = new Set(builtinModules);
  const withDirectImports = directImports();
  return {
    name: 'lazy-modules',
    setup(build) {
      build.onResolve({ filter: /.*/ }, ({ path, resolveDir, namespace }) => {
        const name = path.replace(/^node:/, '');
        if (builtins.has(name)) return { path: name, namespace: namespace === 'ours' ? 'builtin' : 'builtin-facade' };
        const full = resolve(resolveDir, path);
        // A namespace of their own: esbuild takes a file of a package of ES modules for one, whatever it is made to.
        return SOURCE.test(full) ? { path: full, namespace: 'ours' } : undefined;
      });
      build.onLoad({ filter: /.*/, namespace: 'ours' }, async ({ path }) => {
        const text = withDirectImports(await readFile(path, 'utf8'));
        return { contents: inlineRequires(toCommonJs(text)), loader: 'js', resolveDir: dirname(path) };
      });
      build.onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
        contents: `module.exports = ${builtin(path)};`,
      }));
      build.onLoad({ filter: /.*/, namespace: 'builtin-facade' }, ({ path }) => ({ contents: facadeOf(path) }));
    },
  };
}

function toCommonJs(text: string): string {
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ESNext, esModuleInterop: false },
  });
  return outputText.replaceAll('import.meta.url', '__bundleUrl()');
}

function inlineRequires(code: string): string {
  let inlined = code;
  for (const [line, name = '', path = ''] of code.matchAll(REQUIRE)) {
    if (!OURS.test(path)) continue;
    inlined = inlined.replace(line, '').replaceAll(new RegExp(`\\b${name}\\b`, 'g'), `(require("${path}"))`);
  }
  return inlined;
}

/** Not by `require`, which has not all of them while a start-up snapshot is built. */
function builtin(name: string): string {
  return `process.getBuiltinModule(${JSON.stringify(name)})`;
}

/**
 * For packages, which take Node.js's modules by an `import` that reads every property that there is; some of those load
 * further modules: of `node:util` the parsing of command lines, of `node:http` undici.
 */
function facadeOf(name: string): string {
  const module: unknown = process.getBuiltinModule(name);
  // Some are themselves a function, or have methods that need their object; those are there from the start anyway.
  if (typeof module !== 'object' || module === null || name === 'process') return `module.exports = ${builtin(name)};`;
  const getters = Object.getOwnPropertyNames(module).map((key) => {
    const property = JSON.stringify(key);
    return `get [${property}]() { return ${builtin(name)}[${property}]; },`;
  });
  return `module.exports = { ${getters.join(' ')} };`;
}
