import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type BuildOptions } from 'esbuild';
import { type Bundle, bundles, dist } from './programs.ts';

/** CommonJS dependencies find their `require` and `__dirname` (etcd3 reads dist/proto/rpc.proto by it). */
const banner = `import { createRequire as __createRequire } from 'node:module';
import { dirname as __dirnameOf } from 'node:path';
import { fileURLToPath as __fileURLToPath } from 'node:url';
const require = __createRequire(import.meta.url);
const __filename = __fileURLToPath(import.meta.url);
const __dirname = __dirnameOf(__filename);`;

/** A launcher needs no tool but the shell, works from any directory and through symbolic links. */
function launcher(bundle: string, args: readonly string[]): string {
  return `#!/bin/sh
self=$0
while [ -L "$self" ]; do
  target=$(readlink "$self")
  case $target in /*) self=$target ;; *) self=\${self%/*}/$target ;; esac
done
here=\${self%/*}
[ "$here" = "$self" ] && here=.
exec "$here/../lib/node/bin/node" "$here/../lib/${bundle}.mjs"${args.map((arg) => ` ${arg}`).join('')} "$@"
`;
}

async function buildBundle(bundle: Bundle): Promise<void> {
  const options: BuildOptions = {
    entryPoints: { [bundle.name]: bundle.entry },
    outdir: join(dist, 'lib'),
    outExtension: { '.js': '.mjs' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    // The command line loads what a command needs and no more; a daemon is one file.
    splitting: bundle.name === 'calicoctl',
    // Beside the entry, so that what a dependency looks for next to itself is found from a chunk too.
    chunkNames: `${bundle.name}-[hash]`,
    external: ['koffi'],
    banner: { js: banner },
    legalComments: 'none',
    logLevel: 'warning',
  };
  await build(options);
  for (const [name, args] of Object.entries(bundle.launchers)) {
    const path = join(dist, 'bin', name);
    await rm(path, { force: true });
    await writeFile(path, launcher(bundle.name, args));
    await chmod(path, 0o755);
  }
}

/** Builds the named programs, or all of them. */
export async function bundleAll(names: readonly string[]): Promise<void> {
  await mkdir(join(dist, 'bin'), { recursive: true });
  const unknown = names.filter((name) => !bundles.some((bundle) => bundle.name === name));
  if (unknown.length > 0) {
    throw new Error(`no program ${unknown.join(', ')}; there are ${bundles.map((bundle) => bundle.name).join(', ')}`);
  }
  await Promise.all(bundles.filter((bundle) => names.length === 0 || names.includes(bundle.name)).map(buildBundle));
}

if (import.meta.main) await bundleAll(process.argv.slice(2));
