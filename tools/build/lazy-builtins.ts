import { builtinModules } from 'node:module';
import type { Plugin } from 'esbuild';

/**
 * Takes the modules of Node.js as CommonJS does, and loads each when something of it is first used. An `import` of one
 * reads every property that it has, and some of those load further modules: `node:http` brings undici, `node:fs` its
 * promises and streams, which together cost more than all of a short command.
 */
export function lazyBuiltins(): Plugin {
  const namespace = 'lazy-builtin';
  const names = new Set(builtinModules);
  return {
    name: namespace,
    setup(build) {
      build.onResolve({ filter: /.*/ }, ({ path }) => {
        const name = path.replace(/^node:/, '');
        return names.has(name) ? { path: name, namespace } : undefined;
      });
      build.onLoad({ filter: /.*/, namespace }, ({ path }) => ({ contents: commonJsOf(path) }));
    },
  };
}

function commonJsOf(name: string): string {
  const load = `process.getBuiltinModule(${JSON.stringify(name)})`;
  const builtin: unknown = process.getBuiltinModule(name);
  // Some are themselves a function, or have methods that need their object; those are there from the start anyway.
  if (typeof builtin !== 'object' || builtin === null || name === 'process') return `module.exports = ${load};`;
  const getters = Object.getOwnPropertyNames(builtin).map((key) => {
    const property = JSON.stringify(key);
    return `get [${property}]() { return load()[${property}]; },`;
  });
  return `let builtin; const load = () => (builtin ??= ${load}); module.exports = { ${getters.join(' ')} };`;
}
